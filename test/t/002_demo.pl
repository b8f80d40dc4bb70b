# scripts/demo.sql, which the README sends everyone to, runs through, and what
# it shows is right.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $script = abs_path(dirname(__FILE__) . '/../../scripts/demo.sql');
my $node = TviewCluster->fresh('demo', bare => 1);

my ($out, $err) = ('', '');
my $rc = $node->psql('postgres', slurp_file($script), stdout => \$out, stderr => \$err);
is($rc, 0, 'no statement fails');
is($err, '', 'nor says anything');
like($out, qr/^1\|Ada Lovelace$/m, 'the new name is shown');
like($out, qr/^2\|\["First!", "Was it a moth\?"\]$/m, 'so are the comments');
like($out, qr/^3\|Draft$/m, 'and what the transaction wrote');
like($out, qr/^0\z/m, 'no row differs');

$node->load_kit('postgres');
$node->checked(1, 'the TVIEW equals its view');
$node->stop;
done_testing();
