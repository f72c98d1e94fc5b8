package Bench::Storm;

# Bench::Storm -- thousands come back at once, and thousands come and go: build/bench/storm, three times each.

use v5.36;

use Bench;
use Bench::Report;
use Bench::Servers;
use Exporter qw(import);

our @EXPORT = qw(storm presence);

# the median of each number over the rounds; each round has a server of its own
sub rounds (@command) {
    my @all;
    for (1 .. $opt{rounds}) {
        my $server = chatterbox();
        push @all, in_peace("storm @command", sub {
            measure({}, "$opt{build}/bench/storm", '-p', $server->{port}, @command);
        });
        done($server);
    }
    my %median;
    for my $key (keys $all[0]->%*) { $median{$key} = median(map { $_->{$key} } @all) }
    return {rounds => \@all, median => \%median};
}

# just what the server remembers; what its readers fetch; and more than anybody is told
sub storm {
    my @rows;
    for my $behind (100, 900, 1000) {
        my $storm = $result{storm}{$behind} = rounds('-b', $behind);
        my $m     = $storm->{median};
        push @rows, [$behind, about($m->{last_s}), map({ about($m->{$_}, 0) } qw(each_p50_ms each_p99_ms resets told_to_wait)),
            map({ about($m->{$_}, 1) } qw(live_p50_ms live_p99_ms live_max_ms))];
    }
    table 'storm: 2,000 come back within 1 s', ['messages behind', 'last caught up, s', 'each p50, ms', 'p99', 'resets',
        'told to wait', 'live messages p50, ms', 'p99', 'max'], @rows;
}

sub presence {
    my $presence = $result{presence} = rounds('--presence');
    my $m        = $presence->{median};
    table "presence: $m->{users} come over 5 s, and leave", ['one observer gets', ''], ['bytes', commas($m->{bytes})],
        ['frames', commas($m->{frames})], ['bytes a user', about($m->{bytes_a_user}, 1)];
}

1;
