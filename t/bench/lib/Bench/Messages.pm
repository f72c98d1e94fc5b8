package Bench::Messages;

# Bench::Messages -- messages acknowledged a second, where the disk counts and not the fan-out: 64 senders, each in a
# room of his own, next to SQLite alone on the same disk, as it is and with slower syncs. In a closed loop, where an ack
# also waits for the queue, and at a rate by the clock, where it waits for the disk.

use v5.36;

use Bench;
use Bench::Load;
use Bench::Report;
use Bench::Servers;
use Exporter qw(import);

our @EXPORT = qw(messages);

my $rate = 1000;    # messages a second, by the clock

sub one_round ($env) {
    my %got = (sqlite => in_peace('SQLite alone', sub { measure($env, "$opt{build}/bench/sqlite_floor", $opt{temp}, $opt{seconds} / 4) }));
    my $server = chatterbox(env => $env);
    $got{$_} = load($server, "64 senders in 64 rooms, $_ in flight", '-m', 64, '-R', 64, '-k', $_, '-d', $opt{seconds} / 2) // {} for 1, 8;
    $got{paced} = load($server, "64 senders in 64 rooms, $rate messages/s", '-m', 64, '-R', 64, '-r', $rate) // {};
    done($server);
    return \%got;
}

# of one disk: a row for SQLite, one for its syncs, one for each number in flight
sub rows ($disk, $rounds) {
    my $value  = sub ($of, $key) { sub ($round) { $round->{$of}{$key} } };
    my $middle = sub ($of, $key) { median(map { $_->{$of}{$key} } @$rounds) };
    my $one    = $value->(sqlite => 'one_per_s');
    my $sync   = $value->(sqlite => 'sync_p99_ms');
    return (
        ["$disk: SQLite, a message a commit", commas($middle->(sqlite => 'one_per_s')), '1', '', '', ''],
        ["$disk: SQLite, 32 a commit", commas($middle->(sqlite => 'many_per_s')),
            about(ratio($rounds, $rounds, $value->(sqlite => 'many_per_s'), $one), 1), '', '', ''],
        ["$disk: one sync", '', '', about($middle->(sqlite => 'sync_p50_ms')), about($middle->(sqlite => 'sync_p99_ms')), '1'],
        map {
            my ($key, $how) = @$_;
            my $acked = $value->($key => 'acked_per_s');
            ["$disk: chatterbox, $how", commas($middle->($key => 'acked_per_s')),
                $key eq 'paced' ? '' : about(ratio($rounds, $rounds, $acked, $one), 1),
                about($middle->($key => 'ack_p50_ms')), about($middle->($key => 'ack_p99_ms')),
                about(ratio($rounds, $rounds, $value->($key => 'ack_p99_ms'), $sync), 1)];
        } [paced => 'by the clock'], [1 => '1 in flight'], [8 => '8 in flight']);
}

sub messages {
    my @rows;
    for my $ms (0, 5) {
        my $env    = $ms ? {LD_PRELOAD => "$opt{build}/bench/slowsync.so", SLOWSYNC_MS => $ms} : {};
        my @rounds = map { one_round($env) } 1 .. $opt{rounds};
        push $result{messages}->@*, {sync_ms_more => $ms, rounds => \@rounds};
        push @rows, rows($ms ? "syncs $ms ms slower" : 'this disk', \@rounds);
    }
    table 'messages: 64 senders in 64 rooms, synchronous: FULL',
        ['', 'acknowledged/s', 'times one by one', 'p50 ms', 'p99 ms', "/ a sync's p99"], @rows;
}

1;
