# The extension in a cluster of its own: restart, crash, dump and restore; and
# the helpers that the other TAP tests are built from.
use strict;
use warnings;
use Test::More;
use TviewCluster;

my $node = TviewCluster->fresh('main');
my $version = $node->sql('SELECT pg_tviews_version()');
like($version, qr/^\d+\.\d+\.\d+$/, 'the version is bare');
$node->checked(0, 'no TVIEW yet');

$node->sql(q{
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	INSERT INTO tb_user VALUES (1, 'Ada'), (2, 'Grace');
	CREATE TABLE tv_user AS SELECT pk_user, upper(name) AS name FROM tb_user;
});
$node->checked(1, 'one TVIEW');

# A change after each of them shows that not just the rows survived.
$node->restart;
$node->sql("UPDATE tb_user SET name = 'Ada L.' WHERE pk_user = 1");
$node->checked(1, 'after a restart');
$node->crash;
$node->sql("INSERT INTO tb_user VALUES (3, 'Edsger')");
$node->checked(1, 'after a crash');
is($node->sql('SELECT pg_tviews_version()'), $version, 'the version after a crash');

# Within the cluster, and into another one that never saw the extension.
my $copy = $node->dump_and_restore('copy');
$node->checked(1, 'a dump brings the TVIEW and the kit along', $copy);
$node->sql('DELETE FROM tb_user WHERE pk_user = 2', $copy);
$node->checked(1, 'and it is maintained', $copy);
is($node->sql('SELECT name FROM tv_user ORDER BY 1', $copy),
	"ADA L.\nEDSGER", 'with what the view says');

my $other = TviewCluster->fresh('other', bare => 1);
$node->dump_and_restore('copy', $other);
$other->sql("UPDATE tb_user SET name = 'G.' WHERE pk_user = 2", 'copy');
$other->checked(1, 'also in another cluster', 'copy');

# The library works when it is preloaded, too.
$other->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_tviews'");
$other->restart;
is($other->sql('SELECT pg_tviews_version()', 'copy'), $version, 'preloaded');

# The check is a check: it says no when there is nothing to ask.
my ($out, $err);
is($other->psql('postgres', 'SELECT kit.check_all()', stderr => \$err),
	3, 'no kit, no success');
$node->stop;
$other->stop;
done_testing();
