# Foreign tables of postgres_fdw, which ends its remote transactions before
# ours is flushed at commit: a session that first uses it then must not crash.
use strict;
use warnings;
use Test::More;
use TviewCluster;

my $node = TviewCluster->fresh('main');
plan skip_all => 'no postgres_fdw here'
	unless $node->sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'});
$node->sql(q{
	CREATE EXTENSION postgres_fdw;
	DO $$ BEGIN EXECUTE format('CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw '
		'OPTIONS (host %L, port %L, dbname %L)', split_part(current_setting('unix_socket_directories'), ',', 1),
		current_setting('port'), current_database()); END $$;
	CREATE USER MAPPING FOR CURRENT_USER SERVER there;
	CREATE TABLE remote (id int PRIMARY KEY, word text);
	INSERT INTO remote SELECT i, 'w' || i FROM generate_series(1, 9) i;
	CREATE FOREIGN TABLE tb_word (id int, word text) SERVER there OPTIONS (table_name 'remote');
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	INSERT INTO tb_user SELECT i, 'u' || i FROM generate_series(1, 9) i;
	CREATE TABLE tv_user AS SELECT pk_user, name FROM tb_user;
	CREATE TABLE tv_said AS SELECT u.pk_user AS pk_said, u.name, w.word
		FROM tv_user u LEFT JOIN tb_word w ON w.id = u.pk_user;
});
my %changes = (
	'the foreign table' => q{UPDATE tb_word SET word = 'x' || id},
	'what a TVIEW below reads' => q{UPDATE tb_user SET name = name || '!'},
	'COPY' => q{COPY tb_user (pk_user) FROM PROGRAM 'echo 10; echo 11'},
	'a savepoint' => q{BEGIN; UPDATE tb_user SET name = 'a'; SAVEPOINT s; SELECT count(*) FROM tv_said;
		UPDATE tb_word SET word = 'b'; ROLLBACK TO s; COMMIT},
	'an EXCEPTION block' => q{DO $$ BEGIN UPDATE tb_user SET name = 'c'; PERFORM count(*) FROM tv_said;
		RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN UPDATE tb_user SET name = 'd' WHERE pk_user = 1; END $$},
);
# 15 has no triggers for that on foreign tables: docs/guide.md says so
$changes{'TRUNCATE'} = q{TRUNCATE tb_word}
	if $node->sql('SHOW server_version_num') >= 160000;
for my $what (sort keys %changes)
{
	is($node->psql('postgres', $changes{$what}), 0, "$what: commits");
	$node->checked(2, $what);
}

# a partition, of a TVIEW that the session makes itself after others
is($node->psql('postgres', q{
	CREATE TABLE remote_part (id int, k int);
	CREATE TABLE tb_part (id int, k int) PARTITION BY LIST (k);
	CREATE TABLE part_1 PARTITION OF tb_part FOR VALUES IN (1);
	CREATE FOREIGN TABLE part_2 PARTITION OF tb_part FOR VALUES IN (2)
		SERVER there OPTIONS (table_name 'remote_part');
	INSERT INTO tb_part SELECT i, i % 2 + 1 FROM generate_series(1, 9) i;
	UPDATE tb_user SET name = 'e';
	CREATE TABLE tv_part AS SELECT id AS pk_part, k FROM tb_part;
	UPDATE tb_part SET id = id + 100;
}), 0, 'a foreign partition: commits');
$node->checked(3, 'a foreign partition');

# what stands behind a foreign table
$node->sql(q{CREATE TABLE remote_2 (id int, word text, says text); INSERT INTO remote_2 VALUES (1, 'one', 'eins'), (3, 'three', 'drei')});
foreach my $options (q{OPTIONS (SET table_name 'remote_2')}, q{ALTER word OPTIONS (ADD column_name 'says')})
{
	is($node->psql('postgres', "ALTER FOREIGN TABLE tb_word $options"), 0, "$options: followed");
	$node->checked(3, $options);
}
is($node->sql(q{SELECT word FROM tv_said WHERE pk_said = 3}), 'drei', 'with the other table and column');
$node->stop;
done_testing();
