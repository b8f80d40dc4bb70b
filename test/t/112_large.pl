# Large transactions with the default settings: locks give way to one on the
# TVIEW as a whole before the server's table of locks is full; and a hot
# standby, which reads what the primary maintains.
use strict;
use warnings;
use Test::More;
use TviewCluster;

my $node = TviewCluster->fresh('main', allows_streaming => 1, conf => 'max_connections = 30');
$node->sql(q{
	CREATE TABLE tb_a (pk_a int PRIMARY KEY, v int);
	CREATE TABLE tb_r (pk_r int PRIMARY KEY, fk_a int, v int);
	CREATE INDEX ON tb_r (fk_a);
	INSERT INTO tb_a SELECT i, i FROM generate_series(1, 100000) i;
	INSERT INTO tb_r SELECT i, i, i FROM generate_series(1, 100000) i;
	CREATE TABLE tv_r AS SELECT r.pk_r, r.v, a.v AS av FROM tb_r r LEFT JOIN tb_a a ON a.pk_a = r.fk_a;
});
my $locks = q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock'};

is($node->sql(qq{
	BEGIN;
	UPDATE tb_a SET v = v + 1;
	SELECT count(*) FROM tv_r WHERE av = v + 1;
	$locks;
	COMMIT;
}), "100000\n1", '100 000 keys in one transaction take one lock');
$node->checked(1, 'after 100 000 keys');

# the same keys little by little
my $out = $node->sql("BEGIN;\n"
	. join("\n", map { "UPDATE tb_a SET v = v + 1 WHERE pk_a BETWEEN $_ * 100 AND $_ * 100 + 99;\n"
		  . 'SELECT FROM tv_r LIMIT 0;' } 1 .. 40)
	. "\n$locks;\nCOMMIT;");
cmp_ok($out, '<', 600, "many small flushes in one transaction: $out locks");
$node->checked(1, 'after many small flushes');

# to tell listeners of many rows needs no memory for each
SKIP:
{
	skip 'no /proc to tell memory by', 1 unless -r '/proc/self/status';
	my $peak = q{SELECT (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'VmHWM:\s*(\d+)'))[1]};
	my $silent = $node->sql("UPDATE tb_a SET v = v + 1; $peak");
	$node->sql(q{SELECT pg_tviews_alter('r', options => '{"notify": true}')});
	my $telling = $node->sql("UPDATE tb_a SET v = v + 1; $peak");
	$node->sql(q{SELECT pg_tviews_alter('r', options => '{"notify": null}')});
	cmp_ok($telling - $silent, '<', 32768, "notifying takes $telling kB, and without $silent kB");
}
$node->checked(1, 'after notifying of many rows');

# twenty transactions at once, each below its own limit, fill the table of locks
my @sessions;
for my $i (1 .. 20)
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	push @sessions, $session;
	$session->query('SET lock_timeout = 100; SET pg_tviews.lock_escalation = 2000; BEGIN');
	$session->query("UPDATE tb_a SET v = v + 1 WHERE pk_a BETWEEN $i * 1000 AND $i * 1000 + 900");
	$session->query('SELECT FROM tv_r LIMIT 0');
}
$_->query('COMMIT') for @sessions;
$_->quit for @sessions;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/out of shared memory/,
	'many large transactions at once never run out of locks');
$node->checked(1, 'after many large transactions');

# a standby: reads see whole transactions, and nothing tries to flush there
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->sql('UPDATE tb_a SET v = -v WHERE pk_a <= 1000');
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT count(*) FROM tv_r WHERE av < 0'), 1000, 'a standby reads');
is($standby->safe_psql('postgres', 'SELECT kit.check_all()'), 1, 'and every TVIEW equals its view there');
$node->stop;
$standby->promote;
$standby->safe_psql('postgres', 'UPDATE tb_a SET v = 0 WHERE pk_a <= 1000');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM tv_r WHERE av = 0'), 1000, 'promoted, it maintains');
is($standby->safe_psql('postgres', 'SELECT kit.check_all()'), 1, 'exactly');
$standby->stop;
done_testing();
