# Crashes under load: a backend killed in its flush, the server stopped at once
# during statements, COMMIT and COMMIT PREPARED.  What was committed is there
# after recovery, and every TVIEW equals its view.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use IPC::Run;
use Time::HiRes qw(sleep);
use TviewCluster;

my $node = TviewCluster->fresh('main', conf => "fsync = on\ndeadlock_timeout = 50ms");
$node->sql(q{
	CREATE TABLE tb_a (pk_a int PRIMARY KEY, v int);
	CREATE TABLE tb_r (pk_r int PRIMARY KEY, fk_a int, v int);
	CREATE INDEX ON tb_r (fk_a);
	INSERT INTO tb_a SELECT i, i FROM generate_series(1, 20) i;
	INSERT INTO tb_r SELECT i, 1 + i % 20, i FROM generate_series(1, 400) i;
	CREATE TABLE tv_a AS SELECT a.pk_a, a.v, sum(r.v) AS total, count(r.pk_r) AS n
		FROM tb_a a LEFT JOIN tb_r r ON r.fk_a = a.pk_a GROUP BY a.pk_a;
	CREATE TABLE tv_r AS SELECT r.pk_r, r.v, t.total FROM tb_r r JOIN tv_a t ON t.pk_a = r.fk_a;
});

my $script = $node->basedir . '/load.sql';
append_to_file($script, <<'E2');
\set r random(1, 400)
\set a random(1, 20)
\set b random(1, 20)
BEGIN;
UPDATE tb_r SET fk_a = :a, v = v + 1 WHERE pk_r = :r;
UPDATE tb_a SET v = v + 1 WHERE pk_a = :b;
COMMIT;
E2
my $two_phase = $node->basedir . '/two_phase.sql';
append_to_file($two_phase, <<'E2');
\set r random(1, 400)
\set a random(1, 20)
\set gid random(1, 1000000000)
BEGIN;
UPDATE tb_r SET fk_a = :a WHERE pk_r = :r;
PREPARE TRANSACTION 'g:gid';
COMMIT PREPARED 'g:gid';
E2

# pgbench in the background, which a crash may take away
sub load
{
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', '6', '-T', '60', '--max-tries=100', '-f', $script,
			'-f', $two_phase, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', '/dev/null', '2>', '/dev/null');
}

# Prepared transactions are still there after recovery, and hold their locks.
sub finish_prepared
{
	my @gids = split /\n/, $node->sql('SELECT gid FROM pg_prepared_xacts');
	for my $i (0 .. $#gids)
	{
		$node->sql(($i % 2 ? 'ROLLBACK' : 'COMMIT') . " PREPARED '$gids[$i]'");
	}
	return;
}

for my $round (1 .. 4)
{
	my $load = load();
	sleep(0.6 + 0.3 * $round);
	$node->stop('immediate');
	$load->finish;
	$node->start;
	finish_prepared();
	$node->checked(2, "immediate stop $round");
}
cmp_ok($node->sql('SELECT sum(v) FROM tb_a'), '>', 210, 'the load did something');

# A backend that is killed takes the others along, and the server recovers.
for my $where ('flush', 'statement')
{
	$node->append_conf('postgresql.conf', 'restart_after_crash = on');
	$node->reload;
	my $load = load();
	sleep(0.5);
	my $blocker = $node->background_psql('postgres', on_error_stop => 0);
	$blocker->query_safe('BEGIN');
	$blocker->query_safe('UPDATE tb_a SET v = v + 1 WHERE pk_a = 1');
	$blocker->query_safe('SELECT count(*) FROM tv_a') if $where eq 'flush';
	# The victim waits for the blocker itself, and so cannot stop waiting first.
	my $wanted = $where eq 'flush' ? "locktype = 'userlock'" : "locktype <> 'userlock'";
	my $blocking = $blocker->query_safe('SELECT pg_backend_pid()');
	my $victim = "SELECT min(pid) FROM pg_locks WHERE NOT granted AND $wanted"
		. " AND $blocking = ANY (pg_blocking_pids(pid))";
	ok($node->poll_query_until('postgres', "SELECT ($victim) IS NOT NULL"),
		"somebody waits in a $where");
	my $pid = $node->sql($victim);
	my $offset = -s $node->logfile;
	kill('KILL', $pid);
	$load->finish;
	eval { $blocker->quit };
	for (1 .. 300)
	{
		last if slurp_file($node->logfile, $offset) =~ /database system is ready to accept/;
		sleep(0.1);
	}
	finish_prepared();
	$node->checked(2, "a backend killed in a $where");
}

$node->stop;
done_testing();
