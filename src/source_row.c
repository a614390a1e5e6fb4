/*-------------------------------------------------------------------------
 *
 * source_row.c
 *	  One changed row of a watched table: its customer and its values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/tupconvert.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "guc.h"
#include "isolate.h"
#include "json_value.h"
#include "names.h"
#include "source_row.h"

/* How many times larger a value may be than its JSON. */
#define MAX_SHRINKING 8

/* How the values of a column are shown; found out when first needed. */
typedef struct ColumnOutput
{
	bool		text_known;
	bool		text_by_cast;	/* else by the type's output function */
	FmgrInfo text;
	bool		json_known;
	Oid			plain;			/* as which type json_plain_value knows it, or
								 * InvalidOid: */
	FmgrInfo	json;			/* to_jsonb() */
} ColumnOutput;

/*
 * A relation other than the source's table that its trigger's copy is on.  What
 * is said here of it holds as long as it has that copy and those columns: it can
 * be detached, altered, and attached again without the table being told.
 */
typedef struct Partition
{
	Oid			relid;
	Oid			trigger;
	bool		is_of_table;	/* else that is not a copy of the source's
								 * trigger, but one that has its number */
	MemoryContext cxt;			/* for what follows */
	TupleDesc	desc;
	TupleConversionMap *map;	/* NULL: its columns are where the table has
								 * them */
} Partition;

/* ---- reading ---- */

static Partition *
partition_entry(Source *source, Oid relid)
{
	Partition  *partition;
	bool		found;

	if (source->partitions == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(Partition),
		.hcxt = source->cxt};

		source->partitions = hash_create("journey partitions", 16, &ctl,
										 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	partition = hash_search(source->partitions, &relid, HASH_ENTER, &found);
	if (!found)
	{
		partition->trigger = InvalidOid;
		partition->cxt = NULL;
	}
	return partition;
}

/* Of which trigger this one was copied, by the server, as partitions were added. */
static Oid
original_of(const Trigger *trigger)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	Oid			parent = trigger->tgisclone ? trigger->tgoid : InvalidOid;
	Oid			oid = InvalidOid;

	while (OidIsValid(parent))
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		oid = parent;
		ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(oid));
		scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
		tuple = systable_getnext(scan);
		parent = HeapTupleIsValid(tuple) ?
			((Form_pg_trigger) GETSTRUCT(tuple))->tgparentid : InvalidOid;
		systable_endscan(scan);
	}
	table_close(rel, AccessShareLock);
	return oid;
}

/* Raises where a column is missing, or of another type. */
static void
describe_partition(Partition *partition, const Source *source, const TriggerData *data)
{
	MemoryContext old;

	partition->trigger = InvalidOid;	/* until all is known */
	if (partition->cxt != NULL)
		MemoryContextReset(partition->cxt);
	else
		partition->cxt = AllocSetContextCreate(source->cxt, "journey partition",
											   ALLOCSET_SMALL_SIZES);
	partition->is_of_table = original_of(data->tg_trigger) == source->trigger;
	old = MemoryContextSwitchTo(partition->cxt);
	partition->desc = CreateTupleDescCopyConstr(RelationGetDescr(data->tg_relation));
	partition->map = partition->is_of_table ?
		convert_tuples_by_name(partition->desc, source->desc) : NULL;
	MemoryContextSwitchTo(old);
	partition->trigger = data->tg_trigger->tgoid;
}

static Partition *
partition_of(const Source *source, const TriggerData *data)
{
	Partition  *partition = partition_entry(unconstify(Source *, source),
											RelationGetRelid(data->tg_relation));

	if (partition->trigger != data->tg_trigger->tgoid ||
		!equalTupleDescs(partition->desc, RelationGetDescr(data->tg_relation)))
		describe_partition(partition, source, data);
	return partition;
}

static RowVersion *
read_version(const Source *source, TupleConversionMap *map, HeapTuple tuple)
{
	RowVersion *version;
	int			natts = source->desc->natts;

	if (tuple == NULL)
		return NULL;
	version = palloc(sizeof(RowVersion));
	version->tuple = map ? execute_attr_map_tuple(tuple, map) : tuple;
	version->values = palloc(natts * sizeof(Datum));
	version->nulls = palloc(natts * sizeof(bool));
	heap_deform_tuple(version->tuple, source->desc, version->values, version->nulls);
	return version;
}

bool
row_describe(ChangedRow *row, const Source *source, const TriggerData *data)
{
	HeapTuple	first = data->tg_trigtuple;
	bool		is_insert = TRIGGER_FIRED_BY_INSERT(data->tg_event);
	bool		is_update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	TupleConversionMap *map = NULL;

	if (data->tg_trigger->tgoid != source->trigger)
	{
		const Partition *partition = partition_of(source, data);

		if (!partition->is_of_table)
			return false;
		map = partition->map;
	}
	row->source = source;
	row->operation = is_insert ? OPERATION_INSERT :
		is_update ? OPERATION_UPDATE : OPERATION_DELETE;
	row->old = read_version(source, map, is_insert ? NULL : first);
	row->new = read_version(source, map, is_insert ? first :
							is_update ? data->tg_newtuple : NULL);
	return true;
}

bool
row_has_column(const Source *source, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(source->desc, column - 1);

	/* 18 has columns that are computed when read, 'v'. */
	return !attribute->attisdropped && attribute->attgenerated != 'v';
}

/* Values stored elsewhere are the same where they are stored at the same place. */
bool
row_column_differs(const ChangedRow *row, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(row->source->desc, column - 1);
	int			i = column - 1;
	Datum		old;
	Datum		new;

	if (row->old == NULL || row->new == NULL)
		return !row_latest(row)->nulls[i];
	if (row->old->nulls[i] || row->new->nulls[i])
		return row->old->nulls[i] != row->new->nulls[i];
	old = row->old->values[i];
	new = row->new->values[i];
	return !datumIsEqual(old, new, attribute->attbyval, attribute->attlen) &&
		!datum_image_eq(old, new, attribute->attbyval, attribute->attlen);
}

bool
row_differs(const ChangedRow *row)
{
	if (row->operation != OPERATION_UPDATE)
		return true;
	for (int column = 1; column <= row->source->desc->natts; column++)
	{
		if (row_has_column(row->source, column) && row_column_differs(row, column))
			return true;
	}
	return false;
}

int
row_column_number(const Source *source, const char *name)
{
	for (int column = 1; column <= source->desc->natts; column++)
	{
		if (row_has_column(source, column) &&
			strcmp(NameStr(TupleDescAttr(source->desc, column - 1)->attname), name) == 0)
			return column;
	}
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column %s of table %s does not exist", quoted_name(name),
				   source->name));
	return 0;					/* not reached */
}

/* ---- showing ---- */

static ColumnOutput *
output_of(const Source *source, int column)
{
	Source	   *own = unconstify(Source *, source);

	if (own->outputs == NULL)
		own->outputs = MemoryContextAllocZero(source->cxt,
											  source->desc->natts * sizeof(ColumnOutput));
	return &own->outputs[column - 1];
}

/* By the cast to text that the server brings, as of boolean; else by output. */
static void
find_text_output(const Source *source, int column, ColumnOutput *output)
{
	Oid			type = getBaseType(TupleDescAttr(source->desc, column - 1)->atttypid);
	CoercionPathType path;
	Oid			function;
	bool		is_varlena;

	path = find_coercion_pathway(TEXTOID, type, COERCION_EXPLICIT, &function);
	output->text_by_cast = path == COERCION_PATH_FUNC && function < FirstNormalObjectId;
	if (!output->text_by_cast)
		getTypeOutputInfo(type, &function, &is_varlena);
	fmgr_info_cxt(function, &output->text, source->cxt);
	output->text_known = true;
}

text *
row_text(const Source *source, const RowVersion *version, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(source->desc, column - 1);
	ColumnOutput *output = output_of(source, column);
	Datum		value = version->values[column - 1];

	if (version->nulls[column - 1])
		return NULL;
	if (attribute->atttypid == TEXTOID || attribute->atttypid == VARCHAROID)
		return DatumGetTextPP(value);
	if (!output->text_known)
		find_text_output(source, column, output);
	if (output->text_by_cast)
		return DatumGetTextPP(FunctionCall1Coll(&output->text, attribute->attcollation,
												value));
	return cstring_to_text(OutputFunctionCall(&output->text, value));
}

text *
row_customer(const Source *source, const RowVersion *version, List *columns)
{
	StringInfoData joined;
	ListCell   *cell;
	text	   *part = NULL;

	initStringInfo(&joined);
	foreach(cell, columns)
	{
		part = row_text(source, version, row_column_number(source, lfirst(cell)));
		if (part == NULL)
			return NULL;
		if (list_length(columns) == 1)
			return part;
		if (joined.len > 0 || cell != list_head(columns))
			appendStringInfoChar(&joined, ':');
		appendBinaryStringInfo(&joined, VARDATA_ANY(part), VARSIZE_ANY_EXHDR(part));
	}
	return cstring_to_text_with_len(joined.data, joined.len);
}

/* to_jsonb() reads from the call's expression what type its argument has. */
static void
find_json_output(const Source *source, int column, ColumnOutput *output)
{
	Form_pg_attribute attribute = TupleDescAttr(source->desc, column - 1);
	Oid			type = getBaseType(attribute->atttypid);
	MemoryContext old = MemoryContextSwitchTo(source->cxt);
	Node	   *argument;

	output->plain = type == VARCHAROID ? TEXTOID :
		json_is_plain(type) ? type : InvalidOid;
	argument = (Node *) makeNullConst(attribute->atttypid, -1, attribute->attcollation);
	fmgr_info_cxt(F_TO_JSONB, &output->json, source->cxt);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument),
											 InvalidOid, attribute->attcollation,
											 COERCE_EXPLICIT_CALL),
					   &output->json);
	output->json_known = true;
	MemoryContextSwitchTo(old);
}

/* What cannot be small enough in the end is not even read. */
static void
check_value(Form_pg_attribute attribute, Datum value)
{
	if (attribute->attlen == -1 &&
		toast_raw_datum_size(value) / MAX_SHRINKING > guc_max_props)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("value of column %s is too large",
					   quoted_name(NameStr(attribute->attname))),
				errhint("Name the columns that are wanted, without this one."));
}

void
row_json(const Source *source, const RowVersion *version, int column,
		 JsonbValue *value)
{
	Form_pg_attribute attribute = TupleDescAttr(source->desc, column - 1);
	ColumnOutput *output = output_of(source, column);
	Datum		datum;

	value->type = jbvNull;
	if (version == NULL || version->nulls[column - 1])
		return;
	datum = version->values[column - 1];
	check_value(attribute, datum);
	if (!output->json_known)
		find_json_output(source, column, output);
	if (OidIsValid(output->plain))
		json_plain_value(value, output->plain, datum);
	else
		json_part(value, DatumGetJsonbP(FunctionCall1Coll(&output->json,
														  attribute->attcollation,
														  datum)));
}

/* ---- the sandbox ---- */

/* Types whose text and JSON depend on nothing, and run nobody's code. */
static bool
is_plain_type(Oid type)
{
	switch (type)
	{
		case BPCHAROID:
		case INT2OID:
		case UUIDOID:
		case VARCHAROID:
			return true;
		default:
			return json_is_plain(type);
	}
}

static bool
is_plain_table(const Source *source)
{
	for (int i = 0; i < source->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(source->desc, i);

		if (!attribute->attisdropped && !is_plain_type(attribute->atttypid))
			return false;
	}
	return true;
}

void
row_sandbox_begin(RowSandbox *sandbox, const Source *source, Oid role)
{
	sandbox->entered = !is_plain_table(source);
	if (!sandbox->entered)
		return;
	unconstify(Source *, source)->overran = 0;
	limit_begin(&unconstify(Source *, source)->overran, true);
	role_sandbox_begin(&sandbox->role, role, guc_timezone);
}

void
row_sandbox_end(RowSandbox *sandbox)
{
	if (!sandbox->entered)
		return;
	role_end(&sandbox->role);
	limit_end();
}
