-- Every object of the extension says what it is: no rows.  (17 and later list
-- the tables' row types as well.)
SELECT pg_describe_object(d.classid, d.objid, 0) AS lacks_comment
  FROM pg_depend d
 WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'journey')
   AND d.classid <> 'pg_type'::regclass
   AND obj_description(d.objid, d.classid::regclass::name) IS NULL
 ORDER BY 1;

-- So does every column of its tables, and of the views that users may read.
SELECT a.attrelid::regclass AS relation, a.attname AS lacks_comment
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'journey'::regnamespace
   AND ((c.relkind IN ('r', 'p') AND NOT c.relispartition)
		OR (c.relkind = 'v' AND c.relname IN (SELECT name FROM journey.privilege WHERE kind = 'table')))
   AND col_description(c.oid, a.attnum) IS NULL
 ORDER BY a.attrelid::regclass::text, a.attnum;

-- Comments are sentences.
SELECT pg_describe_object(d.classoid, d.objoid, 0) AS object, d.description
  FROM pg_description d
  JOIN pg_depend e ON e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e'
				  AND e.refclassid = 'pg_extension'::regclass
				  AND e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'journey')
 WHERE d.objsubid = 0 AND d.description !~ '^[A-Zj].*\.$'
 ORDER BY 1;
