package Bench::Load;

# Bench::Load -- build/bench/load and storm against a server, round after round.

use v5.36;

use Bench;
use Bench::Report;
use Bench::Servers;
use Exporter qw(import);

our @EXPORT = qw(load fan_out alternate in_rounds ratio private_kb);

# a load of `load`, as its JSON; undef, with a warning, when it could not be measured
sub load ($server, $what, @args) {
    my @who = ('--protocol', $server->{protocol}, '--path', '/ws', '-p', $server->{port}, '--pid', $server->{measured});
    my $got = eval {
        in_peace("$server->{name}, $what", sub {
            measure({}, "$opt{build}/bench/load", @who, '-d', $opt{seconds}, '-w', 0.5, @args);
        });
    };
    warn "  $server->{name}, $what: $@" unless $got;
    return $got;
}

# one who speaks, and so many who hear it, he himself among them
sub fan_out ($server, $what, $receivers, @args) {
    return load($server, $what, '-m', 1, '-n', $receivers - 1, '-s', 100, @args);
}

# in each round each of `$names`, one after the other, so that what changes on the machine meets all of them; what
# `$do` gives for each, by name and round
sub alternate ($names, $do) {
    my %got;
    for my $round (1 .. $opt{rounds}) {
        push $got{$_}->@*, $do->($_, $round) for @$names;
    }
    return \%got;
}

# the same with a server of its own for each
sub in_rounds ($names, $do) {
    return alternate($names, sub ($name, $round) {
        my $server = eval { server($name) };
        if (!$server) {
            warn "  $name: $@";
            return {};
        }
        my $got = $do->($server, $round);
        done($server);
        return $got;
    });
}

# the median of what is next to each other in the same round; `$to`: another value of theirs
sub ratio ($ours, $theirs, $value, $to = $value) {
    return median(map {
        my ($one, $other) = ($value->($ours->[$_]), $to->($theirs->[$_]));
        defined $one && $other ? $one / $other : undef;
    } 0 .. $#$ours);
}

# memory that is the process's own, kB
sub private_kb ($pid) {
    my $sum = 0;
    $sum += $_ for slurp("/proc/$pid/smaps_rollup") =~ /^Private_(?:Clean|Dirty):\s+(\d+)/mg;
    return $sum;
}

1;
