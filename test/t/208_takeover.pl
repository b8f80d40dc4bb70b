# From the implementation in Rust: scripts/takeover-from-rust.sql, with it
# installed as an extension of our name, whatever version it said it was, and
# with what is left of one: by a dump, by hand.
use strict;
use warnings;
use Test::More;
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use TviewCluster;

my $here = dirname(__FILE__);
my $script = "$here/../../scripts/takeover-from-rust.sql";
my $node = TviewCluster->fresh('main', bare => 1);
my $users = q{
	CREATE ROLE regress_owner; CREATE ROLE regress_reader;
};
# What is the user's own, and has to be there afterwards as before.
my $belongings = q{
	SELECT c.oid::regclass, c.relkind, c.relacl, c.relowner::regrole, obj_description(c.oid)
	  FROM pg_class c WHERE relname IN ('tb_user', 'tb_post', 'tv_user', 'tv_post', 'v_user', 'v_post', 'mine', 'tv_plain')
	 ORDER BY c.oid::regclass::text;
	SELECT pg_get_viewdef('v_user'), pg_get_viewdef('app.v_post');
	SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname ~ '^mine' ORDER BY 1, 2;
	SELECT indexrelid::regclass FROM pg_index WHERE indrelid IN ('tv_user'::regclass, 'app.tv_post'::regclass)
	   AND indexrelid::regclass::text ~ '(user_id|data_gin|pkey|mine)$' ORDER BY indexrelid::regclass::text;
	SELECT pk_user, data, note, created_at FROM tv_user ORDER BY 1; SELECT pk_post, score::text, data, created_at FROM app.tv_post ORDER BY 1;
	SELECT proname FROM pg_proc WHERE proname ~ '^(mine|pg_tviews_mine)' ORDER BY 1;
};

sub old_database
{
	my ($db) = @_;

	$node->sql("CREATE DATABASE $db");
	$node->load_kit($db);
	$node->sql(slurp_file("$here/../rust/old.sql"), $db);
	$node->sql(q{
		ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE;
		ALTER TABLE tv_user ADD COLUMN note text DEFAULT 'mine';
		CREATE INDEX mine ON tv_user (note);
		GRANT SELECT ON tv_user TO regress_reader;
		COMMENT ON TABLE tv_user IS 'users';
		ALTER TABLE app.tb_post OWNER TO regress_owner; ALTER TABLE app.tv_post OWNER TO regress_owner;
		ALTER VIEW app.v_post OWNER TO regress_owner;
		GRANT USAGE ON SCHEMA app TO regress_owner, regress_reader;
		GRANT SELECT, REFERENCES, TRIGGER ON tb_user, v_user TO regress_owner;
		GRANT SELECT (pk_post, data) ON app.tv_post TO regress_reader;
		CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
		CREATE FUNCTION pg_tviews_mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE TRIGGER mine AFTER UPDATE ON tb_user FOR EACH ROW EXECUTE FUNCTION mine();
		CREATE TABLE tv_plain (pk_plain int); CREATE VIEW v_plain AS SELECT 1 AS pk_plain;
		ALTER EVENT TRIGGER pg_tviews_ddl_end ENABLE;
	}, $db);
	return;
}

# Makes an extension of that version of the old objects.
sub as_extension
{
	my ($db, $version) = @_;

	$node->sql(qq{
		SET client_min_messages = warning;
		CREATE SCHEMA ours;
		ALTER EVENT TRIGGER pg_tviews_ddl_end RENAME TO old;
		ALTER EVENT TRIGGER old DISABLE;
		CREATE EXTENSION pg_tviews SCHEMA ours;
		DO \$\$
		DECLARE m record; commands text[];
		BEGIN
			FOR m IN SELECT i.type, i.identity FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) i
				WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND i.type NOT IN ('type', 'composite type')
				  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_tviews') ORDER BY i.type <> 'event trigger'
			LOOP
				EXECUTE format('ALTER EXTENSION pg_tviews DROP %s %s', m.type, m.identity);
				commands := commands || format('DROP %s IF EXISTS %s CASCADE', m.type, m.identity);
			END LOOP;
			FOR i IN 1 .. cardinality(commands) LOOP EXECUTE commands[i]; END LOOP;
			FOR m IN SELECT oid::regprocedure AS name FROM pg_proc
				WHERE proname ~ '^pg_tviews?_' AND prosrc ~ '_wrapper\$' LOOP
				EXECUTE format('ALTER EXTENSION pg_tviews ADD FUNCTION %s', m.name);
			END LOOP;
			FOR m IN SELECT oid::regclass AS name, CASE relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE 'SEQUENCE' END AS type
				FROM pg_class WHERE relname ~ '^pg_tview' AND relkind IN ('r', 'v', 'S') LOOP
				EXECUTE format('ALTER EXTENSION pg_tviews ADD %s %s', m.type, m.name);
			END LOOP;
		END \$\$;
		ALTER EXTENSION pg_tviews ADD EVENT TRIGGER old;
		ALTER EVENT TRIGGER old ENABLE;
		ALTER EVENT TRIGGER old RENAME TO pg_tviews_ddl_end;
		UPDATE pg_extension SET extversion = '$version', extnamespace = 'public'::regnamespace WHERE extname = 'pg_tviews';
		UPDATE pg_depend SET refobjid = 'public'::regnamespace WHERE classid = 'pg_extension'::regclass
			AND refclassid = 'pg_namespace'::regclass AND refobjid = 'ours'::regnamespace;
		DROP SCHEMA ours;
	}, $db);
	return;
}

# Exit status and messages of the script.
sub takeover
{
	my ($db, @args) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-X', '-d', $node->connstr($db), @args, '-f', $script ], '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

sub maintained
{
	my ($db, $name) = @_;

	$node->checked(2, "$name: TVIEWs", $db);
	$node->sql(q{
		UPDATE tb_user SET name = name || '!' WHERE pk_user = 1;
		INSERT INTO tb_user VALUES (9, md5('9')::uuid, 'new');
		UPDATE app.tb_post SET fk_user = 9, score = score + 0.5 WHERE pk_post < 3;
		DELETE FROM app.tb_post WHERE pk_post = 5;
		SET client_min_messages = warning;
		CREATE TABLE after_all (a int); CREATE TABLE tv_new AS SELECT pk_user AS pk_new FROM tb_user; DROP TABLE tv_new, after_all}, $db);
	$node->checked(2, "$name: maintained", $db);
	is($node->sql(q{SELECT count(*), min(data -> 'author' ->> 'name') FROM app.tv_post WHERE user_id = md5('9')::uuid}, $db),
		'2|new', "$name: rows");
	is($node->sql('SELECT * FROM pg_tviews_validate()', $db), '', "$name: valid");
	return;
}

$node->sql($users);

# As an extension: of the version that its control file said, and of the one it
# said itself.
foreach my $version ('0.1.0', '0.1.0-beta.8')
{
	my $db = 'old' . $version =~ tr/0-9a-z//cdr;
	my $err;

	old_database($db);
	as_extension($db, $version);
	my $before = $node->sql($belongings, $db);
	isnt($node->psql($db, 'UPDATE tb_user SET name = name', stderr => \$err), 0, "$version: cannot be written to");
	isnt($node->psql($db, 'CREATE TABLE t (a int)', stderr => \$err), 0, "$version: nor created in");
	isnt($node->psql($db, 'ALTER EXTENSION pg_tviews UPDATE', stderr => \$err), 0, "$version: nor updated");
	like($err, $version eq '0.1.0' ? qr/implementation in Rust\nHINT:  .*takeover-from-rust/ : qr/no update path/, 'says why');

	# a view of which no TVIEW can be made: nothing changes
	$node->sql(q{CREATE OR REPLACE VIEW v_user AS
		SELECT pk_user, gen_random_uuid() AS id, jsonb_build_object('id', id, 'name', name) AS data FROM tb_user}, $db);
	my ($rc, $out, $messages) = takeover($db);
	is($rc, 3, "$version: exit status of a failure");
	like($messages, qr/ERROR: .*gen_random_uuid.*'public\.tv_user'/s, 'with the reason, and the TVIEW');
	is($node->sql('SELECT extversion FROM pg_extension WHERE extname = \'pg_tviews\'', $db), $version, 'and nothing has changed');
	$node->sql(q{CREATE OR REPLACE VIEW v_user AS
		SELECT pk_user, id, jsonb_build_object('id', id, 'name', name) AS data FROM tb_user}, $db);
	is($node->sql($belongings, $db), $before, 'belongings neither');

	($rc, $out, $messages) = takeover($db, '-v', 'dry_run=1');
	is($rc, 0, "$version: dry run");
	like($out, qr/user +\| +public\.tv_user .*Dry run: rolled back/s, 'says what it would do');
	is($node->sql('SELECT extversion FROM pg_extension WHERE extname = \'pg_tviews\'', $db), $version, 'and nothing has changed');

	($rc, $out, $messages) = takeover($db);
	is("$rc$messages", 0, "$version: exit status");
	like($out, qr/ post +\| app\.tv_post +\| app\.v_post/, 'says what it took over');
	is($node->sql($belongings, $db), $before, "$version: what is the user's is as before");
	is($node->sql('SELECT pg_tviews_version() = (SELECT default_version FROM pg_available_extensions WHERE name = \'pg_tviews\')', $db),
		't', "$version: the current version");
	is($node->sql('SELECT count(*) FROM pg_trigger WHERE tgname LIKE \'trg_tview%\'', $db), 0, "$version: old triggers are gone");
	is($node->sql(q{SELECT operation, entity FROM tviews_rust.pg_tview_audit_log ORDER BY 2; SELECT count(*) FROM tviews_rust.pg_tview_meta}, $db),
		"CREATE|post\nCREATE|user\n2", "$version: old tables are kept");
	is($node->sql(q{SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = 'app.tv_post'::regclass AND attname IN ('pk_post', 'title', 'score') ORDER BY 1}, $db),
		"pk_post|integer\nscore|numeric(6,2)\ntitle|character varying(40)", "$version: types are the view's");
	maintained($db, $version);
	is($node->sql('SELECT has_table_privilege(\'regress_reader\', \'tv_user\', \'SELECT\'), has_column_privilege(\'regress_reader\', \'app.tv_post\', \'data\', \'SELECT\')', $db),
		't|t', "$version: grants");
	$node->sql('DROP SCHEMA tviews_rust CASCADE', $db);
	maintained_again($db, $version);
	($rc, $out, $messages) = takeover($db);
	is("$rc$out$messages", "0No TVIEWs to take over.\n", "$version: twice does nothing");
	maintained_again($db, "$version: twice");
}

sub maintained_again
{
	my ($db, $name) = @_;

	$node->sql('UPDATE tb_user SET name = name || \'?\'', $db);
	$node->checked(2, "$name: still maintained", $db);
	return;
}

# Plain leftovers, with the catalog; the OIDs in it are those of another
# database when a dump has brought them.
foreach my $case ('leftovers', 'dumped', 'no_catalog', 'ours_there')
{
	old_database($case);
	if ($case eq 'dumped')
	{
		$node->sql('UPDATE pg_tview_meta SET view_oid = 2, table_oid = 1', $case);
	}
	elsif ($case eq 'no_catalog')
	{
		$node->sql('DROP EVENT TRIGGER pg_tviews_ddl_end; DROP TABLE pg_tview_meta, pg_tview_helpers, pg_tview_audit_log', $case);
	}
	elsif ($case eq 'ours_there')
	{
		# ours in another schema, on the remains of the old one
		$node->sql(q{ALTER EVENT TRIGGER pg_tviews_ddl_end RENAME TO old; ALTER EVENT TRIGGER old DISABLE;
			CREATE SCHEMA ours; CREATE EXTENSION pg_tviews SCHEMA ours; ALTER EVENT TRIGGER old ENABLE;
			ALTER DATABASE ours_there SET search_path = ours, public}, $case);
	}
	my $before = $node->sql($belongings, $case);
	my ($rc, $out, $messages) = takeover($case, $case eq 'leftovers' ? ('-v', 'schema=app') : ());
	is("$rc$messages", 0, "$case: exit status");
	is($node->sql($belongings, $case), $before, "$case: what is the user's is as before");
	is($node->sql('SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = \'pg_tviews\'', $case),
		$case eq 'ours_there' ? 'ours' : $case eq 'leftovers' ? 'app' : 'public', "$case: schema");
	$node->sql('ALTER DATABASE leftovers SET search_path = public, app') if $case eq 'leftovers';
	maintained($case, $case);
}

# Which of two, the names do not tell: then nobody guesses.
old_database('ambiguous');
$node->sql(q{ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE; UPDATE pg_tview_meta SET table_oid = 1, view_oid = 2;
	CREATE SCHEMA more; CREATE TABLE more.tv_user (pk_user int); CREATE VIEW more.v_user AS SELECT 1 AS pk_user}, 'ambiguous');
my ($rc, $out, $messages) = takeover('ambiguous');
is($rc, 3, 'ambiguous: refused');
like($messages, qr/several schemas have tables and views of these TVIEWs: user/, 'by name');

# A database that never had any.
$node->sql('CREATE DATABASE without');
($rc, $out, $messages) = takeover('without');
is("$rc$out$messages", "0No TVIEWs to take over.\n", 'nothing to do');
$node->stop;
done_testing();
