# Leaving: the extension cannot be dropped from under its TVIEWs unless asked
# to take them along; then nothing of them stays, and nothing else goes.  And
# coming back: by an export, and by scripts/emergency-reset.sql.
use strict;
use warnings;
use Test::More;
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use TviewCluster;

my $node = TviewCluster->fresh('main', bare => 1);

# What a database has, beside what is the system's.
my $objects = q{
	SELECT pg_describe_object('pg_class'::regclass, oid, 0) FROM pg_class
	 WHERE relnamespace::regnamespace::text IN ('public', 'app') ORDER BY 1;
	SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2;
	SELECT proname FROM pg_proc WHERE pronamespace::regnamespace::text IN ('public', 'app')
	 ORDER BY 1;
	SELECT evtname FROM pg_event_trigger ORDER BY 1;
	SELECT count(*) FROM pg_depend d WHERE classid = 'pg_class'::regclass
	   AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid);
};

sub base_tables
{
	my ($db) = @_;

	$node->sql(q{
		CREATE SCHEMA app;
		CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
		CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user,
			title text);
		CREATE TABLE tb_part (pk_part int, v int) PARTITION BY LIST (pk_part);
		CREATE TABLE tb_part_1 PARTITION OF tb_part DEFAULT;
		CREATE TABLE tv_plain AS SELECT 1 AS one;
		CREATE VIEW v_plain AS SELECT * FROM tv_plain;
		CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
		CREATE TRIGGER own AFTER INSERT ON tb_user EXECUTE FUNCTION own();
		INSERT INTO tb_user VALUES (1, 'a'), (2, 'b');
		INSERT INTO app.tb_post VALUES (1, 1, 'x');
	}, $db);
	return;
}

sub tviews
{
	my ($db) = @_;

	$node->sql(q{
		SET client_min_messages = warning;
		CREATE TABLE tv_user AS SELECT pk_user, name FROM tb_user;
		CREATE TABLE app.tv_post AS SELECT p.pk_post, p.title, u.name
			FROM app.tb_post p JOIN tv_user u ON u.pk_user = p.fk_user;
		CREATE TABLE tv_part AS SELECT pk_part, v FROM tb_part;
		CREATE INDEX ON tv_user (name);
	}, $db);
	return;
}

sub writes
{
	my ($db) = @_;

	$node->sql(q{
		INSERT INTO tb_user SELECT coalesce(max(pk_user), 0) + 1, 'n' || count(*) FROM tb_user;
		UPDATE tb_user SET name = name || '.';
		INSERT INTO app.tb_post SELECT max(pk_post) + 1, 1, 'n' FROM app.tb_post;
		INSERT INTO tb_part SELECT count(*), 1 FROM tb_part;
		INSERT INTO tb_part_1 SELECT count(*), 1 FROM tb_part;
		DELETE FROM app.tb_post WHERE pk_post > 5;
		TRUNCATE tb_part;
	}, $db);
	return;
}

# The same database twice: one that had the extension, one that never had.
foreach my $db ('never', 'leaving', 'kept')
{
	$node->sql("CREATE DATABASE $db");
	base_tables($db);
}
my $never = $node->sql($objects, 'never');

$node->add_extension('leaving');
tviews('leaving');
my ($out, $err);
isnt($node->psql('leaving', 'DROP EXTENSION pg_tviews', stderr => \$err), 0, 'refused');
like($err, qr/cannot drop extension pg_tviews because other objects depend on it/, 'says so');
like($err, qr/table tv_user depends on extension pg_tviews/, 'names a TVIEW');
like($err, qr/HINT:  Use DROP \.\.\. CASCADE/, 'and the way out');
writes('leaving');
$node->checked(3, 'nothing has changed', 'leaving');

# Rolled back, everything is as it was.
$node->sql('BEGIN; SET client_min_messages = warning; DROP EXTENSION pg_tviews CASCADE; ROLLBACK', 'leaving');
writes('leaving');
$node->checked(3, 'rolled back', 'leaving');

# With pending changes of the same transaction.
$node->sql(q{SET client_min_messages = warning;
	BEGIN; UPDATE tb_user SET name = 'late'; DROP EXTENSION pg_tviews CASCADE; COMMIT}, 'leaving');
$node->sql('DROP SCHEMA kit CASCADE', 'leaving');
is($node->sql($objects, 'leaving'), $never, 'CASCADE takes TVIEWs, views, triggers, and nothing else');
writes('leaving');
is($node->sql('SELECT count(*) > 2 FROM tb_user', 'leaving'), 't', 'tables can be written');
is($node->sql(q{SELECT count(*) FROM pg_trigger t WHERE NOT EXISTS
	(SELECT FROM pg_proc p WHERE p.oid = t.tgfoid)}, 'leaving'), 0, 'no trigger without its function');

# Back again, in a session of its own and in one that had it before.
$node->add_extension('leaving');
tviews('leaving');
writes('leaving');
$node->checked(3, 'and back', 'leaving');
$node->sql(q{
	SET client_min_messages = warning;
	INSERT INTO tb_user VALUES (50, 'before');
	DROP EXTENSION pg_tviews CASCADE;
	CREATE EXTENSION pg_tviews;
	CREATE TABLE tv_user AS SELECT pk_user, name FROM tb_user;
	UPDATE tb_user SET name = 'after' WHERE pk_user = 50;
}, 'leaving');
$node->checked(1, 'dropped and created by one session', 'leaving');

# A dump does not keep who depends on whom: a restored database is left in the
# same way.
$node->add_extension('kept');
tviews('kept');
$node->dump_and_restore('restored', undef, from => 'kept');
isnt($node->psql('restored', 'DROP EXTENSION pg_tviews', stderr => \$err), 0,
	'refused after a restore');
like($err, qr/table tv_user depends on extension pg_tviews/, 'with the same words');
$node->checked(3, 'still there', 'restored');
$node->sql('SET client_min_messages = warning; DROP EXTENSION pg_tviews CASCADE; DROP SCHEMA kit CASCADE',
	'restored');
is($node->sql($objects, 'restored'), $never, 'CASCADE after a restore');
writes('restored');

# One by one, by a query over the catalog: the documented way to empty it.
$node->sql('SET client_min_messages = warning; SELECT pg_tviews_drop(entity, true) FROM pg_tview_meta', 'kept');
$node->sql('DROP EXTENSION pg_tviews; DROP SCHEMA kit CASCADE', 'kept');
is($node->sql($objects, 'kept'), $never, 'without CASCADE when there are no TVIEWs');
writes('kept');

# The export brings back what TVIEWs are, and what somebody has added to them.
my $script = dirname(__FILE__) . '/../../scripts/emergency-reset.sql';
my $file = $node->basedir . '/export.sql';
my $whole = q{
	SELECT m.entity, m.tview, m.view, m.key_columns, m.options - 'settings', c.relowner::regrole, c.relacl, v.relacl,
		c.relrowsecurity, obj_description(c.oid), pg_get_viewdef(v.oid)
	  FROM pg_tview_meta m JOIN pg_class c ON c.oid = m.tview JOIN pg_class v ON v.oid = m.view ORDER BY 1;
	SELECT a.attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attgenerated, attacl, pg_get_expr(d.adbin, d.adrelid)
	  FROM pg_tview_meta m JOIN pg_attribute a ON a.attrelid = m.tview AND attnum > 0
	  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum ORDER BY a.attrelid::regclass::text, attname;
	SELECT conrelid::regclass, conname, pg_get_constraintdef(k.oid) FROM pg_tview_meta m JOIN pg_constraint k ON k.conrelid = m.tview
	 WHERE contype <> 'n' ORDER BY conrelid::regclass::text, conname;
	SELECT pg_get_indexdef(indexrelid) FROM pg_tview_meta m JOIN pg_index i ON i.indrelid = m.tview ORDER BY 1;
	SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal AND tgname !~ '^pg_tviews_meta' ORDER BY tgrelid::regclass::text, 2;
	SELECT polrelid::regclass, polname, polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
	  FROM pg_policy ORDER BY 2;
};
$node->sql('CREATE ROLE regress_owner; CREATE ROLE regress_reader; CREATE DATABASE reset');
base_tables('reset');
$node->add_extension('reset');
tviews('reset');
$node->sql(q{
	SET client_min_messages = warning;
	CREATE INDEX ON app.tb_post (fk_user);
	SELECT pg_tviews_create('app.tv_count', 'SELECT fk_user, count(*) AS n FROM app.tb_post GROUP BY fk_user', '{fk_user}', '{"on_error": "stale"}');
	ALTER TABLE tv_user ADD note text DEFAULT 'n' NOT NULL, ADD CHECK (pk_user > 0), ADD CONSTRAINT names UNIQUE (name, note),
		ADD FOREIGN KEY (pk_user) REFERENCES tb_user ON DELETE CASCADE;
	CREATE TRIGGER mine AFTER UPDATE ON tv_user FOR EACH ROW EXECUTE FUNCTION own();
	CREATE TRIGGER other AFTER UPDATE ON tv_user FOR EACH ROW EXECUTE FUNCTION own();
	ALTER TABLE tv_user DISABLE TRIGGER other;
	GRANT SELECT ON tv_part, v_part TO regress_reader;
	GRANT SELECT (title, name) ON app.tv_post TO regress_reader WITH GRANT OPTION;
	COMMENT ON TABLE tv_part IS 'parts';
	ALTER TABLE app.tv_post ENABLE ROW LEVEL SECURITY;
	CREATE POLICY readers ON app.tv_post FOR SELECT TO regress_reader USING (name <> 'b');
	CREATE POLICY never ON app.tv_post AS RESTRICTIVE FOR UPDATE USING (true) WITH CHECK (name > title);
	ALTER TABLE tb_part OWNER TO regress_owner; ALTER TABLE tv_part OWNER TO regress_owner;
}, 'reset');
my $before = $node->sql($whole, 'reset');
append_to_file($file, $node->sql('SELECT pg_tviews_export()', 'reset'));
$node->sql('SET client_min_messages = warning; DROP EXTENSION pg_tviews CASCADE; CREATE EXTENSION pg_tviews', 'reset');
ok($node->run_tool([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('reset'), '-f', $file ]), 'the export runs');
is($node->sql($whole, 'reset'), $before, 'and brings everything back');
writes('reset');
$node->checked(4, 'maintained', 'reset');

# The emergency reset.
sub reset_database
{
	my ($db, @args) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-X', '-d', $node->connstr($db), (map { ('-v', $_) } @args), '-f', $script ], '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

my ($rc, $messages);
my $fresh = 'file=' . $node->basedir . '/fresh.sql';
($rc, $out, $messages) = reset_database('never', $fresh);
is($rc, 3, 'reset without the extension: exit status');
like($messages, qr/extension "pg_tviews" is not installed in database "never"/, 'and why');
$node->sql("BEGIN; UPDATE tb_user SET name = 'p' WHERE pk_user = 2; PREPARE TRANSACTION 'p'", 'reset');
($rc, $out, $messages) = reset_database('reset', $fresh);
is($rc, 3, 'with a prepared transaction: exit status');
like($messages, qr/prepared transactions keep their locks/, 'and why');
$node->sql("ROLLBACK PREPARED 'p'", 'reset');
($rc, $out, $messages) = reset_database('reset', "file=$file");
is($rc, 3, 'over an older export: exit status');
like($messages, qr/export\.sql exists already/, 'and why');

$node->sql('CREATE VIEW mine AS SELECT name FROM tv_user; CREATE TABLE bookmark (u int REFERENCES tv_user)', 'reset');
($rc, $out, $messages) = reset_database('reset', $fresh);
is($rc, 3, 'with objects that depend on TVIEWs: exit status');
like($out, qr/view mine\b/, 'names a view');
like($out, qr/constraint bookmark_u_fkey on table bookmark/, 'and a constraint');
unlike($out, qr/policy|trigger|tv_/, 'and not what belongs to a TVIEW');
is($node->sql($whole, 'reset'), $before, 'and nothing has changed');
$node->checked(4, 'nor is anything less maintained', 'reset');

# what is broken: rows, triggers, a row of the catalog
$node->sql(q{
	SET client_min_messages = error;
	ALTER TABLE tv_user DISABLE TRIGGER pg_tviews_guard; DELETE FROM tv_user WHERE pk_user = 1;
	ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE; ALTER EVENT TRIGGER pg_tviews_ddl_start DISABLE; ALTER EVENT TRIGGER pg_tviews_sql_drop DISABLE;
	ALTER TABLE tv_user ENABLE ALWAYS TRIGGER pg_tviews_guard;
	DROP TRIGGER pg_tviews_insert ON app.tb_post;
}, 'reset');
isnt($node->sql('SELECT count(*) FROM pg_tviews_validate()', 'reset'), 0, 'broken');
unlink $node->basedir . '/fresh.sql';
($rc, $out, $messages) = reset_database('reset', $fresh, 'cascade=1', 'dry_run=1');
is("$rc$messages", 0, 'dry run: exit status');
like($out, qr/Dry run: rolled back/, 'says so');
isnt($node->sql('SELECT count(*) FROM pg_tviews_validate()', 'reset'), 0, 'still broken');
unlink $node->basedir . '/fresh.sql';
($rc, $out, $messages) = reset_database('reset', $fresh, 'cascade=1', 'disconnect=1');
is("$rc$messages", 0, 'reset: exit status');
like($out, qr/^pg_tviews \S+ with 4 TVIEWs, all valid\.$/m, 'says what it did');
is($node->sql($whole, 'reset'), $before, 'everything is back');
writes('reset');
$node->checked(4, 'reset: maintained', 'reset');
is($node->sql(q{SELECT to_regclass('mine'), count(*) FROM pg_constraint WHERE conname = 'bookmark_u_fkey'}, 'reset'), '|0',
	'what stood on TVIEWs went, as asked for');

# a library that does not answer any more, and an export that was saved
$node->sql(q{UPDATE pg_proc SET prosrc = 'no_such_symbol' WHERE probin = '$libdir/pg_tviews'}, 'reset');
isnt($node->psql('reset', 'CREATE TABLE t ()'), 0, 'no DDL without the library');
($rc, $out, $messages) = reset_database('reset', 'file=' . $node->basedir . '/none.sql');
is($rc, 3, 'no export without the library: exit status');
($rc, $out, $messages) = reset_database('reset', "saved=$file");
is("$rc$messages", 0, 'with a saved export: exit status');
is($node->sql($whole, 'reset'), $before, 'everything is back again');
writes('reset');
$node->checked(4, 'reset from a saved export: maintained', 'reset');

# an export that lacks something is not taken for the whole
$node->sql('SET client_min_messages = warning; CREATE TABLE tv_later AS SELECT pk_user AS pk_later FROM tb_user', 'reset');
($rc, $out, $messages) = reset_database('reset', "saved=$file");
is($rc, 3, 'an old export: exit status');
like($messages, qr/the export lacks TVIEWs: later/, 'and why');
$node->checked(5, 'and nothing has changed', 'reset');
$node->stop;
done_testing();
