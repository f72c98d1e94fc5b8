package Bench::Fanout;

# Bench::Fanout -- what a delivery costs where one speaks and a thousand, or ten thousand, hear it: next to the bare
# loops and the peers, and over TLS.

use v5.36;
use utf8;

use Bench;
use Bench::Load;
use Bench::Report;
use Bench::Servers;
use Exporter qw(import);

our @EXPORT = qw(fanout many tls);

my @everybody = ('chatterbox', 'floor each', 'floor turn', 'floor uring', 'ws', 'nchan', 'fastapi');

# a server that takes 30 us a delivery could not do 50 a second for 1,000
sub rate_for ($name) { return $name eq 'fastapi' ? 20 : 50 }

# as many as it can: half the time tells as much as with a rate
sub saturated ($server, $k, @more) {
    return fan_out($server, "$k in flight to 1,000", 1000, @more, '-k', $k, '-d', $opt{seconds} / 2);
}

sub value ($measure, $key) {
    return sub ($round) { $round->{$measure} ? $round->{$measure}{$key} : undef };
}

my $cost  = value(paced => 'server_cpu_us_per_delivery');
my $k16   = value(k16   => 'deliveries_per_s');
my $k128  = value(k128  => 'deliveries_per_s');

# what a message of 100 bytes is on our wire, by the bare loop's
my $ours_bytes = 292;
my $long       = value(long => 'deliveries_per_s');

sub middle ($rounds, $value) { return median(map { $value->($_) } @$rounds) }

sub fan_out_round ($server, $round) {
    my $name = $server->{name};
    my $rate = rate_for($name);
    return {
        paced => fan_out($server, "$rate messages/s to 1,000", 1000, '-r', $rate),
        k16   => saturated($server, 16),
        $name eq 'fastapi' ? () : (k128 => saturated($server, 128)),
        $name eq 'floor turn' ? (long => saturated($server, 16, '-s', $ours_bytes)) : (),
    };
}

sub fan_out_row ($rounds, $name) {
    my $mine = $rounds->{$name};
    my $of   = sub ($floor, $value) { $rounds->{$floor} ? about(ratio($mine, $rounds->{$floor}, $value)) : '-' };
    return [$name, about(middle($mine, $cost)), $of->('floor each', $cost),
        commas(middle($mine, $k16)), $of->('floor turn', $k16), commas(middle($mine, $k128)), $of->('floor turn', $k128),
        about(middle($mine, value(paced => 'p99_ms')), 1)];
}

sub fanout {
    my @names  = available(@everybody);
    my $rounds = in_rounds(\@names, \&fan_out_round);
    $result{fanout} = {
        rounds => $rounds,
        median => {map {
            my $mine = $rounds->{$_};
            ($_ => {cpu_us_per_delivery => middle($mine, $cost), deliveries_per_s_16 => middle($mine, $k16),
                deliveries_per_s_128 => middle($mine, $k128), rate => rate_for($_)});
        } @names}};
    table 'fanout: one speaks, 1,000 hear it, 100 bytes',
        ['server', 'CPU µs a delivery at 50/s', '/ floor each', 'deliveries/s, 16 in flight', '/ floor turn',
        '128 in flight', '/ floor turn', 'p99 ms at 50/s'], map { fan_out_row($rounds, $_) } @names;
    note sprintf 'floor turn with frames as long as ours, 16 in flight: %s deliveries/s; chatterbox / that: %s.',
        commas(middle($rounds->{'floor turn'}, $long)), about(ratio($rounds->@{'chatterbox', 'floor turn'}, $k16, $long));
    note 'fastapi at 20/s: it does not reach 50.' if grep { $_ eq 'fastapi' } @names;
}

# -- ten thousand --

sub many {
    my $rate   = 5;
    my @names  = available('chatterbox', 'floor each');
    my $rounds = in_rounds(\@names, sub ($server, $round) {
        fan_out($server, "$rate messages/s to 10,000", 10000, '-r', $rate, '-w', 1) // {};
    });
    my ($ours, $floor) = $rounds->@{@names};
    $result{many} = $rounds;
    my $row = sub ($what, $key, $digits) {
        my $value = sub ($round) { $round->{$key} };
        [$what, map({ about(middle($_, $value), $digits) } $ours, $floor), about(ratio($ours, $floor, $value))];
    };
    table "many: 10,000 receivers, $rate messages/s", ['', 'chatterbox', 'floor each', 'ratio'],
        $row->('the last receiver, p99 ms', 'last_p99_ms', 1), $row->('the last receiver, p50 ms', 'last_p50_ms', 1),
        $row->('CPU µs a delivery', 'server_cpu_us_per_delivery', 2);
}

# -- TLS --

sub tls {
    my $idle = 4000;    # so many that what the server keeps for itself is lost in them
    my $rounds = alternate(['plain', 'TLS'], sub ($kind, $round) {
        my $server = chatterbox(tls => 1);
        my @tls    = $kind eq 'TLS' ? '--tls' : ();
        $server->@{qw(name port)} = ('chatterbox, TLS', $server->{tls_port}) if @tls;
        my %got = (
            $round > 1 ? () : (idle => load($server, commas($idle) . " idle", @tls, '--idle', $idle)),
            paced => fan_out($server, '50 messages/s to 1,000', 1000, @tls, '-r', 50),
            k16   => saturated($server, 16, @tls));
        done($server);
        return \%got;
    });
    $result{tls} = $rounds;
    table 'tls: one speaks, 1,000 hear it, plain and over TLS',
        ['', 'CPU µs a delivery at 50/s', 'deliveries/s, 16 in flight', 'bytes of each of ' . commas($idle) . ' idle'], map {
            my $mine = $rounds->{$_};
            [$_, about(middle($mine, $cost)), commas(middle($mine, $k16)), commas($mine->[0]{idle}{bytes_each})];
        } 'plain', 'TLS';
}

1;
