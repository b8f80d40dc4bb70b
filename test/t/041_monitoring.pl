# docs/operations/monitoring: the queries run for a monitoring role and give what
# they say; alerts and dashboard name no other metrics; what alerts point to is
# there.
use strict;
use warnings;
use CPAN::Meta::YAML;
use File::Basename qw(dirname);
use JSON::PP;
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $top = dirname(__FILE__) . '/../..';
my $here = "$top/docs/operations/monitoring";
my $node = TviewCluster->fresh('main',
	conf => "shared_preload_libraries = 'pg_tviews'");
$node->sql(q{
	CREATE ROLE exporter LOGIN IN ROLE pg_monitor;
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, n int NOT NULL);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int);
	CREATE TABLE tv_user AS SELECT pk_user, 10 / n AS tenth FROM tb_user;
	CREATE TABLE tv_post AS SELECT p.pk_post, u.n FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
	INSERT INTO tb_user VALUES (1, 1), (2, 2);
	UPDATE tb_user SET n = 5 WHERE pk_user = 2;
	SELECT pg_tviews_refresh('user');
});

# As postgres_exporter reads them: a metric for each column that is no label.
my $queries = CPAN::Meta::YAML->read_string(slurp_file("$here/queries.yaml"))->[0];
my %type;
my %value;

sub ask
{
	%value = ();
	for my $namespace (sort keys %$queries)
	{
		my $query = $queries->{$namespace};
		my @names = map { keys %$_ } @{ $query->{metrics} };
		my %usage = map { %$_ } @{ $query->{metrics} };
		my ($out, $err) = ('', '');
		$node->psql('postgres', $query->{query}, stdout => \$out, stderr => \$err,
			extra_params => [ '-U', 'exporter', '-P', 'tuples_only=off', '-P', 'footer=off' ]);
		my ($head, @rows) = split /\n/, $out;
		is("$err$head", join('|', @names), "$namespace: the columns");
		for my $row (@rows)
		{
			my %column;
			@column{@names} = split /\|/, $row, -1;
			my $labels = join ' ', map { $column{$_} }
			  grep { $usage{$_}{usage} eq 'LABEL' } @names;
			for my $name (grep { $usage{$_}{usage} ne 'LABEL' } @names)
			{
				$type{"${namespace}_$name"} = $usage{$name}{usage};
				$value{"${namespace}_$name"}{$labels} = $column{$name};
			}
		}
	}
	return;
}

ask();
for my $namespace (sort keys %$queries)
{
	for my $metric (map { %$_ } @{ $queries->{$namespace}{metrics} })
	{
		next unless ref $metric;
		like($metric->{usage}, qr/^(LABEL|COUNTER|GAUGE)$/, "$namespace: a usage");
		isnt($metric->{description} // '', '', "$namespace: a description");
	}
}
for my $name (sort keys %type)
{
	my @wrong = grep { $_ !~ /^\d+(\.\d+)?(e-?\d+)?$/ } values %{ $value{$name} };
	# nothing was refreshed yet: no time of it
	@wrong = grep { $_ ne '' } @wrong if $name eq 'pg_tviews_last_refresh_timestamp_seconds';
	is("@wrong", '', "$name is a number");
	is($type{$name} eq 'COUNTER' ? 1 : 0, $name =~ /_total$/ ? 1 : 0, "$name: counters end in _total");
}

# They tell what happens.
my $user = 'postgres tv_user';
is($value{pg_tviews_refreshes_total}{$user}, 3, 'refreshes');
is($value{pg_tviews_rows_written_total}{$user}, 3, 'rows written');
is($value{pg_tviews_rows_unchanged_total}{$user}, 2, 'rows unchanged');
is($value{pg_tviews_full_refreshes_total}{$user}, 1, 'full refreshes');
is($value{pg_tviews_stale}{$user}, 0, 'not stale');
is($value{pg_tviews_health_status}{'postgres indexes'}, 1, 'a warning');
is($value{pg_tviews_health_status}{'postgres triggers'}, 0, 'no error');
is($value{pg_tviews_waiting_sessions}{postgres}, 0, 'nobody waits');

$node->psql('postgres', 'UPDATE tb_user SET n = 0 WHERE pk_user = 1', stderr => \my $ignored);
$node->sql(q{SET pg_tviews.on_error = stale; UPDATE tb_user SET n = 0 WHERE pk_user = 1});
$node->sql(q{BEGIN; UPDATE tb_user SET n = 7 WHERE pk_user = 2; PREPARE TRANSACTION 'p'});
$node->sql('ALTER TABLE tb_post DISABLE TRIGGER USER');
my $waiter = $node->background_psql('postgres');
$waiter->query_until(qr/start/, "\\echo start\nSELECT pg_tviews_refresh('user', ARRAY[2]);\n");
$node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_tviews_locks WHERE NOT granted');
ask();
is($value{pg_tviews_errors_total}{$user}, 2, 'errors');
is($value{pg_tviews_stale}{$user}, 1, 'stale');
is($value{pg_tviews_health_status}{'postgres stale'}, 2, 'an error');
is($value{pg_tviews_health_status}{'postgres triggers'}, 2, 'another');
is($value{pg_tviews_waiting_sessions}{postgres}, 1, 'one waits');
cmp_ok($value{pg_tviews_waiting_oldest_seconds}{postgres}, '>', 0, 'for some time');
is($value{pg_tviews_prepared_transactions}{postgres}, 1, 'a prepared transaction');
cmp_ok($value{pg_tviews_prepared_oldest_seconds}{postgres}, '>', 0, 'for some time');
$node->sql(q{ROLLBACK PREPARED 'p'});
$waiter->quit;

# An expression uses metrics that are there, counters by their increase only.
sub uses_known_metrics
{
	my ($expression, $name) = @_;
	my @names = $expression =~ /\b(pg_tviews\w*)/g;
	my @unknown = grep { !$type{$_} } @names;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(@names > 0, "$name: asks for something");
	is("@unknown", '', "$name: for what is there");
	for my $counter (grep { ($type{$_} // '') eq 'COUNTER' } @names)
	{
		like($expression, qr/(rate|increase)\(\Q$counter\E(\{[^}]*\})?\[/, "$name: increase of $counter");
	}
	return;
}

my @rules = map { @{ $_->{rules} } }
  @{ CPAN::Meta::YAML->read_string(slurp_file("$here/alerts.yaml"))->[0]{groups} };
cmp_ok(scalar @rules, '>=', 8, 'alerts');
for my $rule (@rules)
{
	my $name = $rule->{alert};
	uses_known_metrics($rule->{expr}, $name);
	like($rule->{labels}{severity}, qr/^(critical|warning|info)$/, "$name: how bad");
	my ($file, $heading) = split /#/, $rule->{annotations}{runbook};
	my %headings = map { lc($_) =~ s/[^\w -]//gr =~ s/ /-/gr => 1 }
	  slurp_file("$top/$file") =~ /^#+ (.*)$/mg;
	ok($headings{$heading}, "$name: $file has $heading");
}

my $dashboard = decode_json(slurp_file("$here/dashboard.json"));
cmp_ok(scalar @{ $dashboard->{panels} }, '>=', 10, 'panels');
for my $panel (@{ $dashboard->{panels} })
{
	uses_known_metrics($_->{expr}, $panel->{title}) for @{ $panel->{targets} };
}
uses_known_metrics($_->{query}, $_->{name})
  for grep { $_->{type} eq 'query' } @{ $dashboard->{templating}{list} };
$node->stop;
done_testing();
