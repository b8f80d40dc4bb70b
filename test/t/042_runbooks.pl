# docs/operations/runbooks/scripts: each runs on a healthy database, and does what
# it says on one that is not.  Every script is on a page, and every one on a page
# is there.  (health-check.sql has 209_guides.pl, too.)
use strict;
use warnings;
use File::Basename qw(dirname basename);
use IPC::Run;
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $runbooks = dirname(__FILE__) . '/../../docs/operations/runbooks';
my $node = TviewCluster->fresh('main',
	conf => "shared_preload_libraries = 'pg_tviews'");
my $psql = $node->config_data('--bindir') . '/psql';

# What a script prints, and its exit status; in a schema that nobody expects.
sub script
{
	my ($name, %variables) = @_;
	my ($out, $err) = ('', '');
	my @variables = map { ('-v', "$_=$variables{$_}") } sort keys %variables;

	IPC::Run::run([ $psql, '-X', '-d', $node->connstr('shop'), @variables, '-f',
		"$runbooks/scripts/$name.sql" ], '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

# It runs, says nothing else, and prints what it should.
sub runs
{
	my ($name, $variables, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($rc, $out, $err) = script($name, %$variables);

	is("$rc$err", '0', "$name runs");
	like($out, $expected, "$name: $what");
	return;
}

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->sql(q{
	CREATE SCHEMA "Ext"; CREATE EXTENSION pg_tviews SCHEMA "Ext";
	CREATE TABLE "tb_User" (pk_user int PRIMARY KEY, n int NOT NULL);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
	CREATE TABLE tv_zero AS SELECT pk_user AS pk_zero, 10 / n AS tenth FROM "tb_User";
	CREATE TABLE tv_all AS SELECT z.pk_zero AS pk_all, z.tenth, (SELECT count(*) FROM tb_post) AS n
		FROM tv_zero z;
	CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.n FROM tb_post p JOIN "tb_User" u ON u.pk_user = p.fk_user;
	CREATE INDEX idle ON tv_post (title);
	INSERT INTO "tb_User" VALUES (1, 1), (2, 2);
	INSERT INTO tb_post VALUES (1, 1, 'a'), (2, 2, 'b');
}, 'shop');

# Healthy.
runs('health-check', {}, qr/✅ triggers/, 'all well');
runs('refresh-status', {}, qr/tv_post +\| fine/, 'all fine');
runs('refresh-all', {}, qr/tv_zero: 0 rows written.*tv_all: 0 rows written/s, 'in order, nothing to write');
runs('refresh-all', { force => 1 }, qr/tv_post: 2 rows written/, 'by force');
runs('queue-cleanup', {}, qr/No TVIEW is stale.*No transaction is prepared/s, 'nothing left');
runs('performance', {}, qr/CREATE INDEX ON public\.tb_post \(fk_user\);/, 'a missing index');
runs('performance', {}, qr/tv_all +\| tb_post +\| No condition links it/, 'a full refresh');
runs('maintenance', {}, qr/tb_post +\| f .*tv_post +\| t .*idle +\| public\.tv_post/s, 'tables, an idle index');
runs('maintenance', { vacuum => 1 }, qr/Vacuumed/, 'vacuum');
is($node->sql(q{SELECT count(*) FROM pg_class WHERE relname IN ('tb_User', 'tb_post', 'tv_post', 'tv_all', 'tv_zero')
	AND reltuples = 2}, 'shop'), '5', 'all five analyzed');
runs('connections', {}, qr/Waiting/, 'nobody');

# A stale TVIEW, a prepared transaction, and one who waits for it.
$node->sql(q{SET pg_tviews.on_error = stale; UPDATE "tb_User" SET n = 0 WHERE pk_user = 2}, 'shop');
$node->sql(q{UPDATE "tb_User" SET n = 2 WHERE pk_user = 2}, 'shop');
$node->sql(q{BEGIN; UPDATE tb_post SET title = 'c' WHERE pk_post = 1; PREPARE TRANSACTION 'it''s'}, 'shop');
my $waiter = $node->background_psql('shop');
$waiter->query_until(qr/start/, "\\echo start\nSELECT \"Ext\".pg_tviews_refresh('tv_post', ARRAY[1]);\n");
$node->poll_query_until('shop', 'SELECT count(*) = 1 FROM "Ext".pg_tviews_locks WHERE NOT granted');
runs('connections', {}, qr/key of public\.tv_post.*prepared +\|/s, 'the waiter, and for whom');
runs('refresh-status', {}, qr/tv_zero +\| stale since/, 'a stale TVIEW');
runs('queue-cleanup', {}, qr/public\.tv_zero.*stale: 22012.*ROLLBACK PREPARED 'it''s';/s, 'both');
$node->sql(q{ROLLBACK PREPARED 'it''s'}, 'shop');
$waiter->quit;
runs('queue-cleanup', { refresh => 1 }, qr/tv_zero: \d+ rows written/, 'refreshed');
runs('queue-cleanup', {}, qr/No TVIEW is stale/, 'not any more');

# Off and on again.
my ($rc, $out, $err) = script('emergency-disable');
is($rc, 3, 'emergency-disable wants to be sure');
like($err, qr/add -v sure=1/, 'and says how');
runs('emergency-disable', { sure => 1, table => 'public.tb_post' }, qr/^public\.tb_post$/m, 'one table');
unlike(script('emergency-disable', sure => 1, table => 'public.tb_post'), qr/tb_User/, 'and no other');
runs('emergency-disable', { sure => 1 }, qr/^public\."tb_User"\npublic\.tb_post$/m, 'all tables');
$node->sql(q{UPDATE "tb_User" SET n = 5; TRUNCATE tb_post}, 'shop');
is($node->sql('SELECT tenth FROM tv_zero WHERE pk_zero = 1', 'shop'), '10', 'writes pass, TVIEWs are old');
runs('emergency-enable', {}, qr/equal their views/, 'all right again');
is($node->sql(q{SELECT tenth, (SELECT count(*) FROM tv_post) FROM tv_zero WHERE pk_zero = 1}, 'shop'), '2|0', 'and new');
is($node->sql(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pg\_tviews\_%' AND tgenabled <> 'A'
	AND tgname <> 'pg_tviews_guard'}, 'shop'), '0', 'all triggers on');
$node->load_kit('shop');
$node->checked(3, 'all TVIEWs equal their views', 'shop');

# Without the extension each says so by its exit status.
for my $path (glob "$runbooks/scripts/*.sql")
{
	my $name = basename($path, '.sql');
	IPC::Run::run([ $psql, '-X', '-d', $node->connstr('template1'), '-v', 'sure=1', '-f', $path ],
		'>', \$out, '2>', \$err);
	isnt($? >> 8, 0, "$name without the extension");
}

# The pages; scripts of the project's own folder they name by their way from here.
my $pages = join '', map { slurp_file($_) } glob("$runbooks/*.md $runbooks/*/*.md");
my %mentioned = map { $_ => 1 } grep { !-e "scripts/$_.sql" } $pages =~ m{(?<!upgrade/)scripts/([\w-]+)\.sql}g;
my %there = map { basename($_, '.sql') => 1 } glob "$runbooks/scripts/*.sql";
is(join(' ', sort keys %mentioned), join(' ', sort keys %there), 'scripts on the pages');
$node->stop;
done_testing();
