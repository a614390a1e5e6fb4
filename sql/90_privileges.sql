-- Nobody gets anything: neither PUBLIC nor those whom ALTER DEFAULT PRIVILEGES of the installing role names.
-- Levels are handed out by journey_grant; what each allows is one screen, journey.privilege in 80_access.sql.
-- Not run again by an upgrade: it would undo the grants made since.  A delta that adds an object seals that object.

SELECT journey.seal(g.kind, g.identity, g.owner, g.acl)
  FROM journey.grantable g;

-- Asked by our trigger on users' tables, for whoever changes a row; it tells only that some journey listens.
GRANT EXECUTE ON FUNCTION journey.is_heard(int) TO PUBLIC;
-- Asked by the server of whoever adds a partition to a watched table.
GRANT EXECUTE ON FUNCTION journey.row_changed() TO PUBLIC;
