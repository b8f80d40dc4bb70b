# What pg_tviews_stats() counts, when it is kept and when it is lost.
use strict;
use warnings;
use Test::More;
use TviewCluster;

my $node = TviewCluster->fresh('main',
	conf => "shared_preload_libraries = 'pg_tviews'");
$node->sql(q{
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, n int DEFAULT 1);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
	CREATE INDEX ON tb_post (fk_user);
	CREATE TABLE tv_user AS SELECT pk_user, name, 10 / n AS tenth FROM tb_user;
	CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name
		FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
});

my $counts = q{
	SELECT flushes, keys, rows_inserted, rows_updated, rows_deleted,
		rows_unchanged, full_refreshes, errors
	FROM pg_tviews_stats() WHERE entity_name = };
sub counted
{
	my ($expected, $name, $tview) = @_;
	$tview //= 'tv_user';
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->sql("$counts '$tview'"), $expected, $name);
	return;
}

counted('0|0|0|0|0|0|0|0', 'nothing yet');
$node->sql("INSERT INTO tb_user VALUES (1, 'a'), (2, 'b'), (3, 'c')");
counted('1|3|3|0|0|0|0|0', 'an insert');
$node->sql("UPDATE tb_user SET name = 'A' WHERE pk_user < 3");
$node->sql('DELETE FROM tb_user WHERE pk_user = 3');
counted('3|6|3|2|1|0|0|0', 'an update and a delete');
$node->sql('UPDATE tb_user SET n = 1 + n * 0 WHERE pk_user = 1');
counted('3|6|3|2|1|0|0|0', 'nothing changed, nothing flushed');
$node->sql("UPDATE tb_user SET n = 9 WHERE pk_user = 2");
$node->sql("UPDATE tb_user SET n = 10 WHERE pk_user = 2");
$node->sql("UPDATE tb_user SET n = 9 WHERE pk_user = 2");
counted('6|9|3|3|1|2|0|0', 'flushed, and found unchanged');
$node->sql("SELECT pg_tviews_refresh('user')");
counted('7|9|3|3|1|4|1|0', 'a full refresh');
$node->sql("SELECT pg_tviews_refresh('user', true)");
counted('8|9|3|5|1|4|2|0', 'a forced refresh');
$node->sql("SELECT pg_tviews_refresh(tview_name => 'user', primary_keys => ARRAY[1])");
counted('9|10|3|5|1|5|2|0', 'a refresh by key');
$node->sql(q{BEGIN; UPDATE tb_user SET name = 'x'; SELECT count(*) FROM tv_user; ROLLBACK});
counted('9|10|3|5|1|5|2|0', 'what was rolled back is not counted');
$node->sql(q{BEGIN; UPDATE tb_user SET name = 'p' WHERE pk_user = 1; PREPARE TRANSACTION 'p'});
$node->sql(q{COMMIT PREPARED 'p'});
counted('10|11|3|6|1|5|2|0', 'a prepared transaction');
$node->sql('SET pg_tviews.enable_stats = off; UPDATE tb_user SET n = 1');
counted('10|11|3|6|1|5|2|0', 'off');
ok($node->sql(q{SELECT last_refreshed > now() - interval '1 minute'
	AND total_time_ms >= max_time_ms AND max_time_ms >= last_time_ms AND last_time_ms > 0
	AND abs(mean_time_ms - total_time_ms / flushes) < 0.001
	FROM pg_tviews_stats() WHERE entity_name = 'tv_user'}) eq 't', 'times');

# An error survives the rollback that it causes.
my ($out, $err);
$node->psql('postgres', 'UPDATE tb_user SET n = 0 WHERE pk_user = 1', stderr => \$err);
like($err, qr/division by zero/, 'the view raises an error');
counted('10|11|3|6|1|5|2|1', 'counted');
is($node->sql(q{SELECT last_error, last_error_at > last_refreshed
	FROM pg_tviews_stats() WHERE entity_name = 'tv_user'}),
	'division by zero|t', 'and told');
is($node->sql(q{SELECT entity_name FROM pg_tviews_metadata WHERE last_error IS NOT NULL}),
	'tv_user', 'in the metadata, too');
$node->sql(q{CREATE ROLE reader; CREATE ROLE monitor IN ROLE pg_monitor});
is($node->sql(q{SET ROLE reader; SELECT errors, last_error FROM pg_tviews_stats() WHERE entity_name = 'tv_user'}),
	'1|', 'not its text to everybody');
is($node->sql(q{SET ROLE monitor; SELECT errors, last_error FROM pg_tviews_stats() WHERE entity_name = 'tv_user'}),
	'1|division by zero', 'but to pg_monitor');
$node->sql("UPDATE tb_user SET name = 'z' WHERE pk_user = 1");
is($node->sql(q{SELECT count(last_error) FROM pg_tviews_metadata}),
	'0', 'forgotten in the metadata after a success');
$node->psql('postgres', q{SET statement_timeout = '1'; INSERT INTO tb_user SELECT g, 'y' FROM generate_series(10, 100000) g},
	stderr => \$err);
is($node->sql("SELECT errors FROM pg_tviews_stats() WHERE entity_name = 'tv_user'"),
	'1', 'a cancelled statement is no error of the TVIEW');

# An error that a block catches, and a writer that waits.
$node->sql(q{DO $$ BEGIN UPDATE tb_user SET n = 0 WHERE pk_user = 1; PERFORM count(*) FROM tv_user;
	EXCEPTION WHEN division_by_zero THEN NULL; END $$});
is($node->sql("SELECT errors FROM pg_tviews_stats() WHERE entity_name = 'tv_user'"),
	'2', 'an error that was caught');
my $holder = $node->background_psql('postgres');
$holder->query_safe("BEGIN; UPDATE tb_user SET name = 'h' WHERE pk_user = 1; SELECT count(*) FROM tv_user");
my $waiter = $node->background_psql('postgres');
$waiter->query_until(qr/start/, "\\echo start\nSELECT pg_tviews_refresh('tv_user', ARRAY[1]);\n");
$node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted});
$holder->query_safe('COMMIT');
$waiter->quit;
$holder->quit;
is($node->sql("SELECT lock_waits FROM pg_tviews_stats() WHERE entity_name = 'tv_user'"),
	'1', 'a wait');
$node->sql(q{SET pg_tviews.lock_escalation = 1; UPDATE tb_user SET name = 'e'});
is($node->sql("SELECT lock_escalations FROM pg_tviews_stats() WHERE entity_name = 'tv_user'"),
	'1', 'an escalation');

# Slow refreshes are logged on request.
$node->sql(q{SET pg_tviews.log_min_duration = 0; UPDATE tb_user SET name = 'l' WHERE pk_user = 1});
like(PostgreSQL::Test::Utils::slurp_file($node->logfile),
	qr/duration: [0-9.]+ ms  refresh of TVIEWs\n.*DETAIL:  public\.tv_user: [0-9.]+ ms; inserted 0, updated 1, deleted 0, found unchanged 0 rows\n/,
	'a refresh in the log');

# Kept over a restart, forgotten on request.
$node->sql("INSERT INTO tb_post VALUES (1, 1, 't')");
my $before = $node->sql('SELECT * FROM pg_tviews_stats() ORDER BY 1');
$node->restart;
is($node->sql('SELECT * FROM pg_tviews_stats() ORDER BY 1'), $before, 'kept over a restart');
$node->sql("SELECT pg_tviews_stats_reset('tv_user')");
counted('0|0|0|0|0|0|0|0', 'forgotten');
counted('9|1|1|0|0|0|0|0', 'but not that of another', 'tv_post');
$node->sql('SELECT pg_tviews_stats_reset()');
counted('0|0|0|0|0|0|0|0', 'all forgotten', 'tv_post');

# By TVIEW: it is the whole of a transaction's refresh that is slow or not.
$node->sql("INSERT INTO tb_user (pk_user, name) VALUES (50, 'slow'); INSERT INTO tb_post VALUES (50, 50, 't')");
$node->sql(q{CREATE FUNCTION slow(text) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN IF $1 LIKE 'slow%' THEN PERFORM pg_sleep(0.15); END IF; RETURN $1; END $$;
	CREATE TABLE tv_slow AS SELECT pk_user AS pk_slow, slow(name) AS name FROM tb_user;
	CREATE TABLE tv_slower AS SELECT pk_post AS pk_slower, s.name, slow(s.name) AS again
		FROM tb_post p JOIN tv_slow s ON s.pk_slow = p.fk_user});
my $offset = -s $node->logfile;
$node->sql(q{SET pg_tviews.log_min_duration = 290; UPDATE tb_user SET name = 'slow ' WHERE pk_user = 50});
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $offset);
my ($total, $detail) = $log =~ /duration: ([0-9.]+) ms  refresh of TVIEWs\n.*DETAIL:  (.*(?:\n\t.*)*)/;
ok($total >= 300, 'two that are slow together');
is($detail =~ s/[0-9.]+ ms/N ms/gr, join("\n\t",
	map { "public.$_: N ms; inserted 0, updated 1, deleted 0, found unchanged 0 rows" }
	qw(tv_user tv_post tv_slow tv_slower)), 'each with what it took');
$node->sql('SET pg_tviews.log_min_duration = 60000; UPDATE tb_user SET name = name || 1 WHERE pk_user = 50');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile, $offset + length $log), qr/refresh of TVIEWs/, 'a fast one is not logged');
$node->sql('DROP TABLE tv_slower, tv_slow; DROP FUNCTION slow; DELETE FROM tb_post WHERE pk_post = 50; DELETE FROM tb_user WHERE pk_user = 50');

# A new TVIEW of the same name starts from nothing; dropped ones are not shown.
$node->sql("UPDATE tb_post SET title = 'u'");
$node->sql('DROP TABLE tv_post');
is($node->sql('SELECT count(*) FROM pg_tviews_stats()'), '1', 'dropped');

# More TVIEWs than there is room for: the oldest give way, and nothing breaks.
$node->sql(q{DO $$ BEGIN FOR i IN 1..40 LOOP
	EXECUTE format('CREATE TABLE tv_t%s AS SELECT pk_user AS pk_t%s FROM tb_user', i, i); END LOOP; END $$});
$node->sql("UPDATE tb_user SET pk_user = pk_user + 1000");
is($node->sql('SELECT count(*) FROM pg_tviews_stats() WHERE flushes > 0'), '41', 'many at once');

# Without preloading: from 17 on all the same, before it nothing.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$node->sql("UPDATE tb_user SET name = 'n' || pk_user");
my $major = int($node->sql('SHOW server_version_num') / 10000);
if ($major >= 17)
{
	is($node->sql("SELECT flushes FROM pg_tviews_stats() WHERE entity_name = 'tv_user'"),
		'1', 'counted without preloading');
	$node->sql("UPDATE tb_user SET name = 'm' || pk_user");
	is($node->sql("SELECT flushes FROM pg_tviews_stats() WHERE entity_name = 'tv_user'"),
		'2', 'by another session, too');
}
else
{
	is($node->sql("SELECT flushes IS NULL FROM pg_tviews_stats() WHERE entity_name = 'tv_user'"),
		't', 'nothing counted without preloading');
}
$node->checked(41, 'right all along');
$node->stop;
done_testing();
