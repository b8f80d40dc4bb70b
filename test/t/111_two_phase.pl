# Prepared transactions: their rows are refreshed when they are prepared, and
# their locks keep others out, also over a restart of the server.
use strict;
use warnings;
use Test::More;
use TviewCluster;

my $node = TviewCluster->fresh('main');
$node->sql(q{
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
	INSERT INTO tb_user SELECT i, 'u' || i FROM generate_series(1, 9) i;
	INSERT INTO tb_post SELECT i, i, 'p' || i FROM generate_series(1, 9) i;
	CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name FROM tb_post p
		LEFT JOIN tb_user u ON u.pk_user = p.fk_user;
});
my $locks = q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock'};

my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
for my $i (0 .. $#levels)
{
	my $level = $levels[$i];
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $id = 100 + 10 * $i + ($end eq 'COMMIT' ? 1 : 2);
		my $user = $i + 1;
		$node->sql(qq{
			BEGIN ISOLATION LEVEL $level;
			INSERT INTO tb_post VALUES ($id, $user, 'prepared');
			PREPARE TRANSACTION 'p$id';
		});
		my $held = $node->sql($locks);
		cmp_ok($held, '>', 0, "$level: a prepared transaction holds locks");
		$node->restart;
		is($node->sql($locks), $held, "$level: and still after a restart");

		# who changes the other end of the link has to wait
		my $waiter = $node->background_psql('postgres');
		$waiter->query_until(qr/begun/, qq{\\echo begun
UPDATE tb_user SET name = 'changed by $id' WHERE pk_user = $user;
});
		ok($node->poll_query_until('postgres',
				q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'userlock' AND NOT granted}),
			"$level: another waits for it");
		is($node->sql("SELECT count(*) FROM tv_post WHERE pk_post = $id"), 0,
			"$level: a reader does not");
		$node->sql("$end PREPARED 'p$id'");
		$waiter->quit;
		$node->checked(1, "$level: $end PREPARED");
		is($node->sql("SELECT name FROM tv_post WHERE pk_post = $id"),
			$end eq 'COMMIT' ? "changed by $id" : '', "$level: and what the row is then");
		is($node->sql($locks), 0, "$level: no lock is left");
	}
}

# the same after a crash
$node->sql(q{BEGIN; UPDATE tb_user SET name = 'p' WHERE pk_user = 9; PREPARE TRANSACTION 'last'});
$node->crash;
cmp_ok($node->sql($locks), '>', 0, 'locks after a crash');
$node->sql(q{COMMIT PREPARED 'last'});
$node->checked(1, 'after a crash');
is($node->sql('SELECT name FROM tv_post WHERE pk_post = 9'), 'p', 'nothing is lost');

# a session does not go by what it has prepared and then rolled back
$node->sql(q{
	CREATE TABLE tv_title AS SELECT pk_post AS pk_title, title FROM tv_post;
	BEGIN;
	UPDATE tb_post SET title = 'x';
	DROP TABLE tv_title;
	UPDATE tb_post SET title = 'y';
	PREPARE TRANSACTION 'drop';
	ROLLBACK PREPARED 'drop';
	UPDATE tb_post SET title = 'z';
});
$node->checked(2, 'a TVIEW whose DROP was prepared and rolled back');

$node->stop;
done_testing();
