# Writers of disjoint rows: nobody waits for a lock of ours, and two TVIEWs that
# are changed in opposite order make no deadlock.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $node = TviewCluster->fresh('main', conf => <<'CONF');
shared_preload_libraries = 'pg_tviews'
deadlock_timeout = 10ms
CONF
$node->sql(q{
	CREATE TABLE tb_a (pk_a int PRIMARY KEY, v int);
	CREATE TABLE tb_b (pk_b int PRIMARY KEY, v int);
	CREATE TABLE tb_c (pk_c serial PRIMARY KEY, fk int, v int);
	CREATE INDEX ON tb_c (fk);
	INSERT INTO tb_a SELECT i, i FROM generate_series(0, 1999) i;
	INSERT INTO tb_b SELECT i, i FROM generate_series(0, 1999) i;
	INSERT INTO tb_c (fk, v) SELECT i, i FROM generate_series(0, 1999) i;
	CREATE TABLE tv_a AS SELECT a.pk_a, a.v, (SELECT sum(c.v) FROM tb_c c WHERE c.fk = a.pk_a) AS total FROM tb_a a;
	CREATE TABLE tv_b AS SELECT b.pk_b, b.v, (SELECT count(*) FROM tb_c c WHERE c.fk = b.pk_b) AS n FROM tb_b b;
	VACUUM ANALYZE;
});

# Each client has rows of its own.  Every second transaction goes the other way,
# and of those half flush in their middle.
my @tables = ([ 'a', 'b' ], [ 'b', 'a' ]);
my @scripts;
for my $order (@tables)
{
	for my $reads (0, 1)
	{
		my $file = $node->basedir . '/' . join('', @$order) . "$reads.sql";
		my $script = "\\set k :client_id + 8 * random(0, 200)\nBEGIN;\n";
		for my $t (@$order)
		{
			$script .= "UPDATE tb_$t SET v = v + 1 WHERE pk_$t = :k;\n";
			$script .= "INSERT INTO tb_c (fk, v) VALUES (:k, 1);\n";
			$script .= "SELECT * FROM tv_$t WHERE pk_$t = :k;\n" if $reads;
		}
		append_to_file($file, "${script}COMMIT;\n");
		push @scripts, '-f', $file;
	}
}
for my $level ('read committed', 'repeatable read')
{
	local $ENV{PGOPTIONS} = '-c default_transaction_isolation=' . ($level =~ s/ /\\ /r);
	my ($out, $err) = run_command(
		[ 'pgbench', '-n', '-c', '8', '-t', '100', @scripts, '-h', $node->host, '-p', $node->port, 'postgres' ]);
	like($out, qr{actually processed: 800/800}, "$level: all transactions come to their end");
	like($out, qr/failed transactions: 0 /, "$level: none fails");
	is($node->sql('SELECT sum(lock_waits) FROM pg_tviews_stats()'), 0, "$level: nobody has waited");
	$node->checked(2, "$level: every TVIEW equals its view");
}
$node->stop;
done_testing();
