package TviewCluster;

# A cluster that has pg_tviews and the test kit, for TAP tests: everything of
# PostgreSQL::Test::Cluster, and what our tests ask again and again.
#
#   my $node = TviewCluster->fresh('main');      # running, extension and kit in
#   $node->sql('INSERT ...');                    # dies with the server's message
#   $node->checked(2, 'after the insert');       # is each of two TVIEWs right?
#   $node->crash;                                # immediate stop, and recovery
#   my $copy = $node->dump_and_restore('other'); # into a new database
#   my $copy = $node->dump_and_restore('other', $node2);    # ... of that cluster

use strict;
use warnings;
use parent -norequire, 'PostgreSQL::Test::Cluster';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $kit = abs_path(dirname(__FILE__) . '/../kit/kit.sql');

# A running cluster.  conf: lines for postgresql.conf; bare: without the
# extension; the rest goes to init(), for instance allows_streaming.
sub fresh
{
	my ($class, $name, %opt) = @_;
	my $conf = delete $opt{conf} // '';
	my $bare = delete $opt{bare};

	# another server on this machine need not have the same locale
	local $ENV{LC_ALL} = 'C';
	my $node = bless PostgreSQL::Test::Cluster->new($name), $class;
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ], %opt);
	$node->append_conf('postgresql.conf',
		"max_prepared_transactions = 20\nmax_connections = 40\n$conf\n" .
		  ($ENV{PG_TVIEWS_CONF} // '') . "\n");
	$node->start;
	$node->add_extension('postgres') unless $bare;
	return $node;
}

# The extension and the kit, in a database that has neither.
sub add_extension
{
	my ($self, $db) = @_;

	$self->safe_psql($db, 'CREATE EXTENSION pg_tviews');
	$self->load_kit($db);
	return;
}

sub load_kit
{
	my ($self, $db) = @_;

	$self->safe_psql($db, slurp_file($kit));
	return;
}

# What a statement prints; in the database "postgres" unless named.
sub sql
{
	my ($self, $sql, $db) = @_;

	return $self->safe_psql($db // 'postgres', $sql);
}

# A test: the database has that many TVIEWs, and each equals its view.
sub checked
{
	my ($self, $count, $name, $db) = @_;
	my ($out, $err);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->psql($db // 'postgres', 'SELECT kit.check_all()',
		stdout => \$out, stderr => \$err);
	is("$out$err", $count, $name);
	return;
}

# As after a power cut: no shutdown checkpoint, then recovery from the WAL.
sub crash
{
	my ($self) = @_;

	$self->stop('immediate');
	$self->start;
	return;
}

# pg_dump of a database into a new one of the same or another cluster; returns
# the new one's name.  The kit travels in the dump.  dump, restore: arguments
# for the two programs, such as [ '--data-only' ].
sub dump_and_restore
{
	my ($self, $new, $target, %opt) = @_;
	my $from = $opt{from} // 'postgres';
	my $file = $self->basedir . "/$from-$new.dump";

	$target //= $self;
	$self->run_tool([
			'pg_dump', '--format=custom', "--file=$file", @{ $opt{dump} // [] },
			'--dbname=' . $self->connstr($from) ])
	  or die 'pg_dump failed';
	$target->safe_psql('postgres', "CREATE DATABASE $new TEMPLATE template0");
	$target->run_tool([
			'pg_restore', '--exit-on-error', @{ $opt{restore} // [] },
			'--dbname=' . $target->connstr($new), $file ])
	  or die 'pg_restore failed';
	return $new;
}

# Runs a program that finds this cluster in its PG... variables; true if it
# succeeded.
sub run_tool
{
	my ($self, $command) = @_;

	local %ENV = (%ENV, PGHOST => $self->host, PGPORT => $self->port);
	return PostgreSQL::Test::Utils::run_log($command);
}

1;
