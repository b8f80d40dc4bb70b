# Logical replication: a TVIEW is published like any table, and TVIEWs on a
# subscriber follow base tables that arrive there, from the first copy on.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my @logical = (allows_streaming => 'logical',
	conf => "logical_decoding_work_mem = 64kB\nmax_logical_replication_workers = 10\n"
	  . "max_sync_workers_per_subscription = 3\nwal_retrieve_retry_interval = 200ms\nwal_receiver_status_interval = 1");
my $publisher = TviewCluster->fresh('publisher', @logical);
my @readers = map { TviewCluster->fresh($_, @logical) } ('reader1', 'reader2');

my $tables = q{
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
	CREATE INDEX ON tb_post (fk_user);
	CREATE TABLE tb_hit (pk_hit int, day int, fk_post int, PRIMARY KEY (pk_hit, day))
		PARTITION BY RANGE (day);
	CREATE TABLE tb_hit_1 PARTITION OF tb_hit FOR VALUES FROM (0) TO (10);
	CREATE TABLE tb_hit_2 PARTITION OF tb_hit FOR VALUES FROM (10) TO (20);
};
my $tviews = q{
	SET client_min_messages = warning;
	CREATE TABLE tv_user AS SELECT u.pk_user, u.name, count(p.*) AS posts
		FROM tb_user u LEFT JOIN tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user;
	CREATE TABLE tv_post AS SELECT p.pk_post, p.title, to_jsonb(u.name) AS author, u.posts,
			(SELECT count(*) FROM tb_hit h WHERE h.fk_post = p.pk_post) AS hits
		FROM tb_post p LEFT JOIN tv_user u ON u.pk_user = p.fk_user;
};
$_->sql($tables) foreach ($publisher, @readers);
$publisher->sql(q{
	INSERT INTO tb_user SELECT g, 'u' || g FROM generate_series(1, 20) g;
	INSERT INTO tb_post SELECT g, 1 + g % 20, 't' || g FROM generate_series(1, 300) g;
	INSERT INTO tb_hit SELECT g, g % 20, 1 + g % 300 FROM generate_series(1, 900) g;
	CREATE PUBLICATION base FOR TABLE tb_user, tb_post, tb_hit
		WITH (publish_via_partition_root = true);
});

# One reader has its TVIEWs before it subscribes, the other after.
my $major = $publisher->sql("SELECT current_setting('server_version_num')::int / 10000");
my @streaming = ('on', $major >= 16 ? 'parallel' : 'on');
sub connection
{
	return $publisher->connstr . ' dbname=postgres';
}

sub subscribe
{
	my ($n) = @_;

	$readers[$n]->sql("CREATE SUBSCRIPTION reader$n CONNECTION '"
		  . connection()
		  . "' PUBLICATION base WITH (streaming = $streaming[$n])");
	return;
}

sub synced
{
	my ($name, $count) = @_;

	$readers[$_]->wait_for_subscription_sync($publisher, "reader$_") foreach (0, 1);
	$publisher->wait_for_catchup("reader$_") foreach (0, 1);
	foreach my $n (0, 1)
	{
		$readers[$n]->checked($count // 2, "$name: reader $n");
		is($readers[$n]->sql('SELECT count(*), sum(posts), sum(hits) FROM tv_post'),
			$publisher->sql(q{SELECT count(*), sum(x.n), sum(coalesce(h.n, 0))
				FROM tb_post p
				LEFT JOIN (SELECT u.pk_user, count(q.*) AS n
					FROM tb_user u LEFT JOIN tb_post q ON q.fk_user = u.pk_user
					GROUP BY 1) x ON x.pk_user = p.fk_user
				LEFT JOIN (SELECT fk_post, count(*) AS n FROM tb_hit GROUP BY 1) h
					ON h.fk_post = p.pk_post}),
			"$name: reader $n has what was published");
	}
	return;
}

$readers[0]->sql($tviews);
subscribe(0);
subscribe(1);
$readers[1]->wait_for_subscription_sync($publisher, 'reader1');
$readers[1]->sql($tviews);
synced('first copy');

# Row by row, many rows, keys that change, truncation, partitions.
$publisher->sql(q{
	UPDATE tb_user SET name = 'Ada' WHERE pk_user = 1;
	UPDATE tb_post SET fk_user = 2 WHERE pk_post % 7 = 0;
	DELETE FROM tb_user WHERE pk_user = 20;
	INSERT INTO tb_user VALUES (21, 'new');
	UPDATE tb_post SET pk_post = pk_post + 1000 WHERE pk_post < 5;
	UPDATE tb_hit SET day = (day + 10) % 20 WHERE pk_hit < 50;
	BEGIN; UPDATE tb_user SET name = 'never'; ROLLBACK;
	BEGIN; SAVEPOINT a; DELETE FROM tb_post; ROLLBACK TO a; UPDATE tb_user SET name = name || '.'; COMMIT;
});
synced('changes');
is($readers[0]->sql('SELECT name FROM tv_user WHERE pk_user = 1'), 'Ada.', 'the new name');
$publisher->sql('TRUNCATE tb_hit');
synced('truncated');

# A transaction large enough to be streamed while it runs; one that aborts.
$publisher->sql(q{
	BEGIN;
	INSERT INTO tb_post SELECT g, 1 + g % 20, repeat('x', 100) FROM generate_series(10000, 12500) g;
	UPDATE tb_post SET title = 'large' WHERE pk_post > 12000;
	COMMIT;
	BEGIN;
	INSERT INTO tb_post SELECT g, 1, repeat('x', 100) FROM generate_series(20000, 22500) g;
	ROLLBACK;
});
synced('streamed');
ok( $publisher->poll_query_until('postgres',
		'SELECT bool_and(stream_txns > 0) FROM pg_stat_replication_slots'),
	'those were streamed while they ran');

# A table that joins the publication later.
$_->sql('CREATE TABLE tb_late (pk_late int PRIMARY KEY, v int)') foreach ($publisher, @readers);
$publisher->sql('INSERT INTO tb_late VALUES (1, 1), (2, 2); ALTER PUBLICATION base ADD TABLE tb_late');
foreach my $n (0, 1)
{
	$readers[$n]->sql('CREATE TABLE tv_late AS SELECT pk_late, v FROM tb_late');
	$readers[$n]->sql("ALTER SUBSCRIPTION reader$n REFRESH PUBLICATION");
}
synced('added later: copied', 3);
$publisher->sql('UPDATE tb_late SET v = v + 10');
synced('added later: followed', 3);
is($readers[1]->sql('SELECT sum(v) FROM tv_late'), 23, 'added later: rows');

# Readers crash while changes arrive; the publisher does.
foreach my $crashing (@readers, $publisher)
{
	$publisher->sql(join ';', map { "UPDATE tb_user SET name = 'c$_' WHERE pk_user = $_ % 20" } 1 .. 60);
	$crashing->crash;
	$publisher->sql(join ';', map { "UPDATE tb_post SET fk_user = $_ WHERE pk_post = $_ * 9" } 1 .. 20);
}
synced('after crashes', 3);

# TVIEWs themselves, to a server without the extension.
$publisher->sql($tviews);
$publisher->sql('CREATE PUBLICATION tviews FOR TABLE tv_post (pk_post, title, author, posts)');
my $plain = TviewCluster->fresh('plain', bare => 1, @logical);
$plain->sql('CREATE TABLE tv_post (pk_post int PRIMARY KEY, title text, author jsonb, posts bigint)');
$plain->sql("CREATE SUBSCRIPTION plain CONNECTION '" . connection()
	  . "' PUBLICATION tviews");
$plain->wait_for_subscription_sync($publisher, 'plain');
$publisher->sql(q{UPDATE tb_user SET name = 'published'; DELETE FROM tb_post WHERE pk_post > 12000;
	UPDATE tb_post SET title = 'again' WHERE pk_post < 20});
$publisher->wait_for_catchup('plain');
my $all = q{SELECT md5(string_agg(x::text, '|' ORDER BY pk_post))
	FROM (SELECT pk_post, title, author, posts FROM tv_post) x};
is($plain->sql($all), $publisher->sql($all), 'a published TVIEW');
$publisher->checked(2, 'and the TVIEW itself');
$_->stop foreach ($plain, @readers, $publisher);
done_testing();
