/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  Columns of users' tables, as callers of the verbs name them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/varlena.h"

#include "columns.h"
#include "names.h"

static Form_pg_attribute
find_column(Relation rel, const char *name)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return attribute;
	}
	return NULL;
}

static char *
nearest_column(Relation rel, const char *name)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Nearest		nearest;

	nearest_begin(&nearest, name);
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			nearest_offer(&nearest, NameStr(TupleDescAttr(desc, i)->attname));
	}
	return nearest_hint(&nearest);
}

Form_pg_attribute
column_by_name(Relation rel, const char *name)
{
	Form_pg_attribute attribute = find_column(rel, name);
	char	   *hint;

	if (attribute != NULL)
		return attribute;
	hint = nearest_column(rel, name);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column %s of table \"%s\" does not exist", quoted_name(name),
				   RelationGetRelationName(rel)),
			hint ? errhint("%s", hint) : 0);
	return NULL;				/* not reached */
}

static void
add_column(Relation rel, List **columns, const char *name)
{
	char	   *column = pstrdup(NameStr(column_by_name(rel, name)->attname));
	ListCell   *cell;

	foreach(cell, *columns)
	{
		if (strcmp(lfirst(cell), column) == 0)
			ereport(ERROR,
					errcode(ERRCODE_DUPLICATE_COLUMN),
					errmsg("column %s is named twice", quoted_name(column)));
	}
	*columns = lappend(*columns, column);
}

List *
columns_by_text(Relation rel, const char *text, const char *argument)
{
	List	   *names;
	List	   *columns = NIL;
	ListCell   *cell;

	/* A text that is no list is a misspelt name. */
	if (find_column(rel, text) != NULL || strpbrk(text, ",\"") == NULL)
	{
		add_column(rel, &columns, text);
		return columns;
	}
	if (!SplitIdentifierString(pstrdup(text), ',', &names))
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("%s is not a column's name, nor a list of them: %s", argument,
					   quoted_name(text)),
				errhint("Write one name, or several with commas between, as \"tenant, id\"."));
	foreach(cell, names)
		add_column(rel, &columns, lfirst(cell));
	return columns;
}
