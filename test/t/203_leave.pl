# Leaving: the extension cannot be dropped from under its TVIEWs unless asked
# to take them along; then nothing of them stays, and nothing else goes.
use strict;
use warnings;
use Test::More;
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
		INSERT INTO tb_user SELECT coalesce(max(pk_user), 0) + 1, 'n' FROM tb_user;
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
$node->stop;
done_testing();
