package Bench::Plot;

# Bench::Plot -- result.svg, drawn by gnuplot: deliveries a second and their cost, of each server; the curves below, where they
# were measured. It has a background of its own, as the page that shows it may be dark or light.

use v5.36;
use utf8;

use Bench;
use Bench::Report;
use Exporter qw(import);

our @EXPORT = qw(plot);

my $ink   = '#24292f';
my $muted = '#6e7781';
my %color = (chatterbox => '#0b6bcb', 'floor each' => '#9aa4af', 'floor turn' => '#9aa4af', 'floor uring' => '#9aa4af');
my $peer  = '#d9822b';

# -- the two rows of bars --

my %name = ('floor each' => 'bare loop,{/*0.85  a send each}', 'floor turn' => 'bare loop,{/*0.85  a send a turn}',
    'floor uring' => 'bare loop,{/*0.85  io\\_uring}', ws => 'Node.js ws', nchan => 'nginx, nchan', fastapi => 'FastAPI, uvicorn');

# a bar for each server, the best one on top; a number at its end
sub bars ($title, $key, $log, $format) {
    my $median = $result{fanout}{median};
    my @names  = sort { $median->{$a}{$key} <=> $median->{$b}{$key} } grep { defined $median->{$_}{$key} } keys %$median;
    @names = reverse @names unless $log;    # what costs least is on top
    my @rows  = map { [$names[$_], $median->{$names[$_]}{$key}, $_] } 0 .. $#names;
    my ($max) = sort { $b <=> $a } map { $_->[1] } @rows;
    my $low   = $log ? 10_000 : 0;
    my $range = $log ? '[10000:' . $max * 12 . ']' : '[0:' . $max * 1.45 . ']';
    my $data  = join "\n", map {
        my ($name, $value, $y) = @$_;
        join "\t", $value, $y, hex(substr $color{$name} // $peer, 1), $low, $format->($value) . (!$log && $median->{$name}{rate} != 50 ? " (at $median->{$name}{rate}/s)" : '');
    } @rows;
    my $tics = join ', ', map {"'" . ($name{$_->[0]} // $_->[0]) . "' $_->[2]"} @rows;
    return <<"END";
\$bars << EOD
$data
EOD
set title '$title'
@{[$log ? 'set logscale x' : 'unset logscale']}
set xrange $range
set yrange [-0.6:$#rows.6]
set ytics ($tics) scale 0
unset xtics
plot \$bars using (\$4):2:4:1:(\$2-0.34):(\$2+0.34):3 with boxxyerror linecolor rgbcolor variable fillstyle solid noborder notitle, \\
     '' using 1:2:(stringcolumn(5)) with labels left offset 0.6,0 textcolor '$ink' notitle
END
}

# -- the curves --

my @curves = (
    ['rooms',     'CPU of a message, µs, by rooms',        ['cpu']],
    ['receivers', 'CPU of a delivery, µs, by receivers',   ['chatterbox', 'floor each']],
    ['history',   'CPU of a hello and of a message, µs, by messages there are', ['hello_cpu', 'cpu']],
    ['workers',   'CPU of a delivery, µs, by workers',     ['cpu']],
);

my %line = (chatterbox => 'chatterbox', 'floor each' => 'bare loop', hello_cpu => 'hello', cpu => 'message');

sub curve ($name, $title, $keys) {
    my $points = $result{curves}{$name} // return '';
    my ($n, $max, @blocks, @plots) = (0, 0);
    for my $key (grep { defined $points->[0][1]{$_} } @$keys) {
        my @there = grep { defined $_->[1]{$key} } @$points;
        for (@there) { $max = $_->[1]{$key} if $_->[1]{$key} > $max }
        push @blocks, "\$c$n << EOD\n" . join("\n", map {"$_->[0]\t$_->[1]{$key}"} @there) . "\nEOD\n";
        push @plots, sprintf q($c%d using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor '%s' title '%s'),
            $n, $n ? $muted : '#0b6bcb', @$keys > 1 ? $line{$key} : '';
        ++$n;
    }
    my ($from, $to) = ($points->[0][0], $points->[-1][0]);
    my $scale = $to / $from > 10 ? 'set logscale x' : 'unset logscale';
    my $range = $to / $from > 10 ? sprintf('[%g:%g]', $from / 1.6, $to * 1.6) : '[' . ($from - 0.3) . ':' . ($to + 0.3) . ']';
    my $tics  = join ', ', map { "'" . commas($_->[0]) . "' $_->[0]" } @$points;
    return join '', @blocks, <<"END", 'plot ', join(', ', @plots), "\n";
set title '$title'
$scale
set xrange $range
set yrange [0:@{[$max * 1.35 || 1]}]
set xtics ($tics) scale 0
set ytics auto scale 0
set grid ytics linecolor '#e4e7eb' linewidth 1
END
}

sub millions ($n) { return $n >= 1e6 ? sprintf('%.2f M', $n / 1e6) : sprintf('%.0f k', $n / 1e3) }

# the program for gnuplot; a grid of two columns
sub program ($terminal, $file) {
    my @panels = (
        bars('deliveries/s, 16 messages in flight (log scale)', 'deliveries_per_s_16', 1, \&millions),
        bars('CPU of a delivery, µs, at 50 messages/s', 'cpu_us_per_delivery', 0, sub ($n) { sprintf '%.1f', $n }),
        grep {length} map { curve(@$_) } @curves);
    my $rows   = @panels > 2 ? 1 + @panels / 2 : 1;
    my $height = 340 + (@panels > 2 ? 250 * int((@panels - 1) / 2) : 0);
    my $top    = 330 / $height;
    my $n      = 0;
    my $place  = sub {
        my ($column, $row) = ($n % 2, int($n / 2));
        ++$n;
        my ($tall, $bottom) = $row ? (250 / $height, 1 - (340 + 250 * $row) / $height) : (300 / $height, 1 - 340 / $height);
        my $left = $row ? 0.06 : 0.155;
        return sprintf "set lmargin at screen %.3f\nset rmargin at screen %.3f\nset bmargin at screen %.3f\nset tmargin at screen %.3f\n",
            $column / 2 + $left, $column / 2 + 0.48, $bottom + 45 / $height, $bottom + $tall - 40 / $height + ($row ? 0 : 10 / $height);
    };
    return <<"END" . join "reset_panel\n", map { $place->() . $_ } @panels;
set terminal $terminal size 1000,$height enhanced font 'sans-serif,13' background '#ffffff'
set output '$file'
set multiplot title 'One speaks, 1,000 hear it: 100 bytes, one worker on one core' font ',15' textcolor '$ink'
set border 0
set datafile separator tab
set key top left textcolor '$ink' samplen 1.5
set title font ',13' textcolor '$ink'
set tics textcolor '$ink'
END
}

# draws into the folder; false where it could not
sub plot {
    return 0 unless $result{fanout};
    if (!has('gnuplot')) {
        warn "without a plot: apt-get install gnuplot-nox\n";
        return 0;
    }
    spew "$opt{temp}/plot", program('svg', "$opt{folder}/result.svg") =~ s/^reset_panel$/unset grid\nunset logscale/mgr;
    return system('gnuplot', "$opt{temp}/plot") == 0;
}

1;
