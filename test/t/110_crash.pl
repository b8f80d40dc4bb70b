# Crashes under load: a backend or the postmaster killed, the server stopped at
# once, during statements, flushes, COMMIT, PREPARE TRANSACTION and COMMIT
# PREPARED.  What was committed is there after recovery, and every TVIEW equals
# its view.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use IPC::Run;
use Time::HiRes qw(sleep);
use TviewCluster;

my $node = TviewCluster->fresh('main', allows_streaming => 1, conf => <<'CONF');
fsync = on
deadlock_timeout = 50ms
restart_after_crash = on
CONF
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

# pgbench in the background, which a crash may take away; returns when it has
# done something.
sub load
{
	my $before = $node->sql('SELECT sum(v) FROM tb_a');
	my $load = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '6', '-T', '600', '--max-tries=100', '-f', $script,
			'-f', $two_phase, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', '/dev/null', '2>', '/dev/null');
	$node->poll_query_until('postgres', "SELECT sum(v) > $before FROM tb_a")
	  or die 'pgbench does nothing';
	return $load;
}

# Waits until a query returns a row, and returns that: what poll_query_until
# saw may be gone when it is asked for again.
sub find
{
	my ($query) = @_;
	my ($out, $err);

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$node->psql('postgres', $query, stdout => \$out, stderr => \$err);
		return $out if $out ne '' && $err eq '';
		sleep(0.1);
	}
	die "nothing found by: $query\nlast: $out$err";
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

# The postmaster's children end a little later than it does, and there can be no
# new one before.
sub start_after_kill
{
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return $node->_update_pid(1)
		  if system_log('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start') == 0;
		sleep(0.1);
	}
	die 'the server does not start';
}

for my $how ('stop', 'stop', 'kill', 'stop', 'kill')
{
	my $load = load();
	sleep(rand(0.5));
	my $durable = $node->sql('SELECT sum(v) FROM tb_a');
	if ($how eq 'kill')
	{
		$node->kill9;
		$load->finish;
		start_after_kill();
	}
	else
	{
		$node->stop('immediate');
		$load->finish;
		$node->start;
	}
	finish_prepared();
	cmp_ok($node->sql('SELECT sum(v) FROM tb_a'), '>=', $durable, "$how: nothing committed is lost");
	$node->checked(2, "$how: every TVIEW equals its view");
}

# A backend that is killed takes the others along, and the server recovers.
for my $where ('flush', 'statement')
{
	my $load = load();
	my $blocker = $node->background_psql('postgres', on_error_stop => 0);
	$blocker->query_safe('BEGIN');
	$blocker->query_safe('UPDATE tb_a SET v = v + 1 WHERE pk_a = 1');
	$blocker->query_safe('SELECT count(*) FROM tv_a') if $where eq 'flush';
	# The victim waits for the blocker itself, and so cannot stop waiting first.
	my $wanted = $where eq 'flush' ? "locktype = 'userlock'" : "locktype <> 'userlock'";
	my $blocking = $blocker->query_safe('SELECT pg_backend_pid()');
	my $pid = find("SELECT pid FROM pg_locks WHERE NOT granted AND $wanted"
		. " AND $blocking = ANY (pg_blocking_pids(pid)) LIMIT 1");
	my $offset = -s $node->logfile;
	is(kill('KILL', $pid), 1, "a backend that waits in a $where is killed");
	$load->finish;
	eval { $blocker->quit };
	ok($node->wait_for_log(qr/reinitializing/, $offset), 'which takes the others along');
	find('SELECT 1');
	finish_prepared();
	$node->checked(2, "$where: every TVIEW equals its view");
}

# The end of a transaction takes a while: here it waits for a standby that is
# not there.  What it has written so far holds.
for my $end ('COMMIT', q{PREPARE TRANSACTION 'last'}, q{COMMIT PREPARED 'last'})
{
	my $changes = "BEGIN; UPDATE tb_r SET fk_a = 1 + fk_a % 20 WHERE pk_r < 40";
	my ($before) = $end =~ /^COMMIT PREPARED/ ? ("$changes; PREPARE TRANSACTION 'last'") : ();
	my $moved = 'SELECT count(*) FROM tb_r WHERE pk_r < 40 AND fk_a <> 1 + pk_r % 20';

	$node->sql('UPDATE tb_r SET fk_a = 1 + pk_r % 20 WHERE pk_r < 40');
	$node->sql($before) if $before;
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
	$node->reload;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	find("SELECT 1 WHERE current_setting('synchronous_standby_names') = 'nobody'");
	$session->query_until(qr/begun/, "\\echo begun\n" . ($before ? '' : "$changes; ") . "$end;\n");
	find("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
	$node->stop('immediate');
	eval { $session->quit };
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$node->start;
	finish_prepared();
	is($node->sql($moved), 39, "$end: nothing committed is lost");
	$node->checked(2, "$end: every TVIEW equals its view");
}

$node->stop;
done_testing();
