# The option notify: at commit, listeners are told which rows of a TVIEW have
# changed, all in all, and no others.
use strict;
use warnings;
use Test::More;
use TviewCluster;

my $node = TviewCluster->fresh('main');
$node->sql(q{
	SET client_min_messages = warning;
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
	CREATE INDEX ON tb_post (fk_user);
	INSERT INTO tb_user VALUES (1, 'Ann'), (2, 'Bob');
	INSERT INTO tb_post VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
	SELECT pg_tviews_create('tv_post', 'SELECT p.pk_post, upper(p.title) AS title, u.name
		FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user', options => '{"notify": true}');
	SELECT pg_tviews_create('tv_user', 'SELECT pk_user, name FROM tb_user');
	SELECT pg_tviews_create('tv_author', 'SELECT u.pk_user AS pk_author, count(p.pk_post) AS posts
		FROM tb_user u LEFT JOIN tv_post p ON p.name = u.name GROUP BY u.pk_user',
		options => '{"notify": "authors"}');
});

# What a session that listens to some channels and runs this hears: a line for
# each message, the channel and the payload.
sub heard
{
	my ($sql, @channels) = @_;
	my $listen = join '', map { "LISTEN $_; " } @channels;
	my $out = '';

	$node->psql('postgres', "$listen\n$sql;\nSELECT 'end'", stdout => \$out, on_error_stop => 0,
		stderr => \my $err);
	diag($err) if $err;
	# in which order the keys come is nobody's business
	$out =~ s/\[([^][{}]*)\]/'[' . join(',', sort split \/,\/, $1) . ']'/ge;
	return join "\n", map { /^Asynchronous notification "(.*?)" with payload "(.*)" received/ ? "$1 $2" : () }
	  split /\n/, $out;
}

# A test: that is all that is heard, or nothing; keys are "inserted|updated|deleted".
sub tells
{
	my ($sql, $keys, $name) = @_;
	my ($i, $u, $d) = split /\|/, $keys, -1;
	my $expected = $keys eq '' ? '' :
	  qq(tv_post {"schema":"public","tview":"tv_post","all":false,"inserted":[$i],"updated":[$u],"deleted":[$d]});

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(heard($sql, 'tv_post'), $expected, $name);
	return;
}

tells("INSERT INTO tb_post VALUES (4, 2, 'd'), (5, 2, 'e')", '4,5||', 'inserted');
tells("UPDATE tb_user SET name = 'Bill' WHERE pk_user = 2", '|3,4,5|', 'updated, by way of another table');
tells('DELETE FROM tb_post WHERE pk_post = 5', '||5', 'deleted');
tells("UPDATE tb_post SET title = upper(title) WHERE pk_post = 1", '', 'what makes no difference is no change');
tells("UPDATE tb_post SET pk_post = 6 WHERE pk_post = 4", '6||4', 'another key');
tells("UPDATE tb_post SET fk_user = NULL WHERE pk_post = 6", '||6', 'a row leaves the view');
tells("DELETE FROM tb_post WHERE pk_post = 6", '', 'and is not there to be deleted');
tells("SELECT pg_tviews_refresh('post', force => true)", '', 'rows that are written as they were');

# The transaction as a whole.
tells(q{BEGIN; UPDATE tb_post SET title = 'x' WHERE pk_post = 1; SELECT count(*) FROM tv_post;
	UPDATE tb_post SET title = 'y' WHERE pk_post = 1; SELECT count(*) FROM tv_post; COMMIT},
	'|1|', 'changed twice, told once');
tells(q{BEGIN; UPDATE tb_post SET title = 'z' WHERE pk_post = 1; SELECT count(*) FROM tv_post;
	UPDATE tb_post SET title = 'y' WHERE pk_post = 1; COMMIT}, '', 'changed and changed back');
tells(q{BEGIN; INSERT INTO tb_post VALUES (7, 1, 'g'); SELECT count(*) FROM tv_post;
	UPDATE tb_post SET title = 'h' WHERE pk_post = 7; SELECT count(*) FROM tv_post; COMMIT},
	'7||', 'inserted and changed: inserted');
tells(q{BEGIN; INSERT INTO tb_post VALUES (8, 1, 'h'); SELECT count(*) FROM tv_post;
	DELETE FROM tb_post WHERE pk_post = 8; COMMIT}, '', 'inserted and deleted: nothing');
tells(q{BEGIN; DELETE FROM tb_post WHERE pk_post = 7; SELECT count(*) FROM tv_post;
	INSERT INTO tb_post VALUES (7, 2, 'G'); COMMIT}, '|7|', 'deleted and inserted: updated');
tells(q{BEGIN; DELETE FROM tb_post WHERE pk_post = 7; SELECT count(*) FROM tv_post; ROLLBACK}, '', 'rolled back');

# Savepoints.
tells(q{BEGIN; SAVEPOINT s; INSERT INTO tb_post VALUES (8, 1, 'h'); SELECT count(*) FROM tv_post; ROLLBACK TO s; COMMIT},
	'', 'rolled back to a savepoint');
tells(q{BEGIN; INSERT INTO tb_post VALUES (8, 1, 'h'); SELECT count(*) FROM tv_post;
	SAVEPOINT s; DELETE FROM tb_post WHERE pk_post IN (7, 8); SELECT count(*) FROM tv_post;
	ROLLBACK TO s; UPDATE tb_post SET title = 'i' WHERE pk_post = 1; COMMIT},
	'8|1|', 'what came before the savepoint and after it stays');
tells(q{BEGIN; SAVEPOINT s; SAVEPOINT t; DELETE FROM tb_post WHERE pk_post = 8; SELECT count(*) FROM tv_post;
	RELEASE t; UPDATE tb_post SET title = 'j' WHERE pk_post = 1; SELECT count(*) FROM tv_post; RELEASE s;
	UPDATE tb_post SET title = 'k' WHERE pk_post = 1; COMMIT},
	'|1|8', 'released, level by level');
tells(q{BEGIN; SAVEPOINT s; SAVEPOINT t; DELETE FROM tb_post WHERE pk_post = 7; SELECT count(*) FROM tv_post;
	RELEASE t; ROLLBACK TO s; COMMIT}, '', 'released, and rolled back further up');
tells(q{BEGIN; UPDATE tb_post SET title = 'l' WHERE pk_post = 1; SELECT count(*) FROM tv_post; SAVEPOINT s;
	UPDATE tb_post SET title = 'k' WHERE pk_post = 1; SELECT count(*) FROM tv_post; RELEASE s; COMMIT},
	'', 'changed back within a savepoint');
tells(q{DO $$ BEGIN FOR i IN 11..30 LOOP BEGIN INSERT INTO tb_post VALUES (i, 1, 'l'); PERFORM count(*) FROM tv_post;
	IF i % 3 = 0 THEN RAISE division_by_zero; END IF; EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$},
	'11,13,14,16,17,19,20,22,23,25,26,28,29||', 'blocks that catch errors');
$node->checked(3, 'right all along');

# Other TVIEWs: a channel of its own, none, and those built on others.
is(heard('DELETE FROM tb_post WHERE pk_post > 10', 'authors'),
	'authors {"schema":"public","tview":"tv_author","all":false,"inserted":[],"updated":[1],"deleted":[]}',
	'a TVIEW on a TVIEW, its own channel');
is(heard("INSERT INTO tb_user VALUES (3, 'Eve')", 'tv_user'), '', 'not without the option');
is(heard(q{SELECT pg_tviews_alter('user', options => '{"notify": true}');
	UPDATE tb_user SET name = 'Eva' WHERE pk_user = 3}, 'tv_user'),
	'tv_user {"schema":"public","tview":"tv_user","all":false,"inserted":[],"updated":[3],"deleted":[]}', 'switched on');
is(heard(q{BEGIN; UPDATE tb_user SET name = 'Eve' WHERE pk_user = 3; SELECT count(*) FROM tv_user;
	SELECT pg_tviews_alter('user', options => '{"notify": null}'); COMMIT;
	UPDATE tb_user SET name = 'Evi' WHERE pk_user = 3}, 'tv_user'), '', 'and off');
is(heard(q{BEGIN; UPDATE tb_post SET title = 'gone'; SELECT count(*) FROM tv_post; DROP TABLE tv_author, tv_post; ROLLBACK;
	BEGIN; UPDATE tb_post SET title = 'gone'; SELECT count(*) FROM tv_post; DROP TABLE tv_author; COMMIT}, 'authors'),
	'', 'nothing of a TVIEW that is gone');

# Keys of other types, and of several columns; names that want quoting.
$node->sql(q{
	SET client_min_messages = warning;
	CREATE SCHEMA "a ""b"" schema";
	CREATE TABLE tb_day (city text, day date, at timestamptz, n numeric, PRIMARY KEY (city, day));
	SELECT pg_tviews_create('"a ""b"" schema"."tv_Day"', 'SELECT city, day, n FROM tb_day WHERE n > 0 AND n < 2', ARRAY['city', 'day'], '{"notify": true}');
	SET TimeZone = 'Asia/Tokyo';
	SELECT pg_tviews_create('tv_at', 'SELECT at AS pk_at, sum(n) AS n FROM tb_day GROUP BY at', options => '{"notify": true}');
	SELECT pg_tviews_create('tv_n', 'SELECT n AS pk_n, count(*) AS days FROM tb_day GROUP BY n', options => '{"notify": true}');
});
is(heard(q{SET DateStyle = german; SET TimeZone = 'UTC';
	INSERT INTO tb_day VALUES (E'S\303\243o "P"\t1', '2026-11-21', '2026-11-21 12:00+00', 1.50), ('x', '2026-11-22', '2026-11-21 12:00+00', 'NaN')},
	'"tv_Day"', 'tv_at', 'tv_n'), join("\n",
	qq(tv_Day {"schema":"a \\"b\\" schema","tview":"tv_Day","all":false,"inserted":[{"city":"S\303\243o \\"P\\"\\t1","day":"2026-11-21"}],"updated":[],"deleted":[]}),
	'tv_at {"schema":"public","tview":"tv_at","all":false,"inserted":["2026-11-21 21:00:00+09"],"updated":[],"deleted":[]}',
	'tv_n {"schema":"public","tview":"tv_n","all":false,"inserted":["NaN",1.50],"updated":[],"deleted":[]}'),
	'keys as JSON, whatever the settings of the session');

# Many keys: several messages, each within the limit, no key twice; then none.
$node->sql('CREATE TABLE tb_many (pk_many text PRIMARY KEY)');
$node->sql(q{SELECT pg_tviews_create('tv_many', 'SELECT pk_many FROM tb_many', options => '{"notify": true}')});
my @messages = split /\n/, heard("INSERT INTO tb_many SELECT to_char(g, 'FM000000') FROM generate_series(1, 10000) g", 'tv_many');
my %keys;
my $twice = 0;
foreach (@messages)
{
	my ($list) = /"all":false,"inserted":\[(.*?)\],"updated":\[\],"deleted":\[\]\}$/;
	$twice += $keys{$_}++ foreach split /,/, $list;
}
is(scalar(keys %keys), 10000, 'ten thousand keys');
is($twice, 0, 'none of them twice');
cmp_ok(scalar(@messages), '<', 15, 'in few messages');
is(scalar(grep { length($_) > 8008 } @messages), 0, 'none too long');
my $all = 'tv_many {"schema":"public","tview":"tv_many","all":true,"inserted":[],"updated":[],"deleted":[]}';
is(heard("INSERT INTO tb_many SELECT to_char(g, 'FM000000') FROM generate_series(10001, 20001) g", 'tv_many'), $all,
	'more than ten thousand');
is(heard("INSERT INTO tb_many SELECT to_char(g, 'FM000000') FROM generate_series(20002, 40001) g; BEGIN; SAVEPOINT s;
	DELETE FROM tb_many WHERE pk_many > '020001'; SELECT count(*) FROM tv_many; ROLLBACK TO s; COMMIT", 'tv_many'), $all,
	'and not those that were rolled back');
is(heard("INSERT INTO tb_many VALUES (repeat('x', 8000))", 'tv_many'), $all, 'a key that fits no message');

# Prepared transactions cannot notify.
my $err;
$node->psql('postgres', q{BEGIN; INSERT INTO tb_many VALUES ('p'); PREPARE TRANSACTION 'p'}, stderr => \$err);
like($err, qr/ERROR:  cannot PREPARE a transaction that has changed rows of TVIEW public\.tv_many
DETAIL:  It has the option "notify", and PostgreSQL cannot keep notifications in a prepared transaction\.
HINT:  Use COMMIT, or take the option away with pg_tviews_alter\('public\.tv_many', options => '\{"notify": null\}'\)\./,
	'refused, with a way out');
$node->sql(q{BEGIN; INSERT INTO tb_many VALUES ('p'); SELECT count(*) FROM tv_many; DELETE FROM tb_many WHERE pk_many = 'p';
	PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'});
pass('but not one that has changed nothing, all in all');

# Kept by a dump.
$node->dump_and_restore('copy');
is($node->sql(q{SELECT options->>'notify' FROM pg_tview_meta WHERE entity = 'many'}, 'copy'), 'true', 'kept by a dump');
$node->checked(6, 'right all along');
$node->stop;
done_testing();
