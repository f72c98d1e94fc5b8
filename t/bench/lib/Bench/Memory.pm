package Bench::Memory;

# Bench::Memory -- what connections cost that say nothing, for the server and for the kernel; how soon one message has
# reached them all; and what is left when they have gone.

use v5.36;

use Bench;
use Bench::Load;
use Bench::Report;
use Bench::Servers;
use Exporter qw(import);
use Time::HiRes qw(time sleep);

our @EXPORT = qw(memory idle);

# one server, 5,000 connections: before, at once, and after 12 s of quiet
sub memory {
    my $idle   = 5000;
    my $server = chatterbox();
    my $got    = $result{memory} = load($server, "$idle idle", '--idle', $idle) // return;
    done($server);
    table 'memory', ['', ''], ['after start, kB Rss', commas($got->{start_rss_kb})],
        ['after start, kB private', commas($got->{start_private_kb})],
        ["each of $idle idle connections, bytes, at once", commas($got->{bytes_each_at_once})],
        ['... once they are quiet', commas($got->{bytes_each})];
}

# what the memory falls to when all are gone: no less for 2 s
sub settled_kb ($pid) {
    my ($least, $since, $end) = (private_kb($pid), time, time + 15);
    while (time < $since + 2 && time < $end) {
        sleep 0.2;
        my $now = private_kb($pid);
        ($least, $since) = ($now, time) if $now < $least - 64;
    }
    return $least;
}

sub idle_point ($count) {
    my $server = chatterbox();
    my $got    = load($server, commas($count) . ' idle', '--idle', $count) // {};
    $got->{left_kb}  = settled_kb($server->{measured}) - ($got->{start_private_kb} // 0);
    $got->{everybody} = fan_out($server, 'one message to ' . commas($count), $count, '-r', 2, '-w', 1);
    done($server);
    return $got;
}

# as many of these as the descriptors allow
sub points {
    my @all    = $opt{all} ? (1000, 10_000, 18_000) : (10_000);
    my @points = grep { $_ + 200 < Bench::Servers::descriptors() } @all;
    warn "idle: not with $_ connections, more than the descriptors allow\n" for grep { $_ + 200 >= Bench::Servers::descriptors() } @all;
    return @points;
}

# a straight line through the last two, in MB
sub foretell ($count, $points, $key) {
    my ($less, $more) = $points->@[-2, -1];
    my $each = ($more->{idle} * $more->{$key} - $less->{idle} * $less->{$key}) / ($more->{idle} - $less->{idle});
    return ($more->{idle} * $more->{$key} + ($count - $more->{idle}) * $each) / 1e6;
}

sub idle {
    my @points = map { idle_point($_) } points();
    $result{idle} = \@points;
    table 'idle: connections that say nothing',
        ['connections', 'bytes of user memory each', 'of the kernel, both ends', 'one message has reached all, ms', 'missing', 'kB left when they are gone'],
        map { [
            commas($_->{idle}), commas($_->{bytes_each}), commas($_->{kernel_bytes_both_ends}),
            about($_->{everybody}{last_p50_ms}, 1), $_->{everybody}{missing} // '-', commas($_->{left_kb}),
        ] } @points;
    return if @points < 2 || grep { !$_->{idle} } @points;
    note sprintf '%s would take %.0f MB of user memory, and %.0f MB of the kernel for both ends, on the line through the last two.',
        commas($_), foretell($_, \@points, 'bytes_each'), foretell($_, \@points, 'kernel_bytes_both_ends') for 100_000, 1_000_000;
}

1;
