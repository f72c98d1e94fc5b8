package Bench::Report;

# Bench::Report -- what the groups found: tables for people, Markdown for t/bench/README.md, JSON for programs.

use v5.36;

use Bench;
use Exporter qw(import);
use JSON::PP;
use POSIX qw(strftime);

our @EXPORT = qw(%result table note finish);

our %result;    # by group
my @tables;

# rows of as many cells as there are heads; printed at once, and again at the end
sub table ($title, $head, @rows) {
    push @tables, {title => $title, head => $head, rows => \@rows, notes => []};
    say STDERR as_text($tables[-1]);
}

# a line below the last table
sub note ($text) { push $tables[-1]{notes}->@*, $text; say STDERR "  $text" }

sub as_text ($table) {
    my @width;
    for my $row ($table->{head}, $table->{rows}->@*) {
        for (0 .. $#$row) { $width[$_] = length $row->[$_] if length $row->[$_] > ($width[$_] // 0) }
    }
    my $line = sub (@row) {
        return join '', map { $_ == 0 ? sprintf "  %-$width[0]s", $row[0] : sprintf "  %$width[$_]s", $row[$_] } 0 .. $#row;
    };
    return join "\n", "\n$table->{title}", map({ $line->(@$_) } $table->{head}, $table->{rows}->@*),
        map {"  $_"} $table->{notes}->@*;
}

sub as_markdown ($table) {
    my $line = sub (@row) { join ' ', '|', join(' | ', @row), '|' };
    return join "\n", "**$table->{title}**", '', $line->($table->{head}->@*),
        $line->('---', map {'---:'} 1 .. $table->{head}->$#*), map({ $line->(@$_) } $table->{rows}->@*),
        map({ ('', $_) } $table->{notes}->@*), q();
}

sub machine {
    my ($cpu)    = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my ($system) = slurp('/etc/os-release') =~ /^PRETTY_NAME="(.*)"/m;
    my ($kernel) = (POSIX::uname())[2];
    my ($commit) = `git -C $opt{root} rev-parse --short HEAD 2>/dev/null` =~ /(\w+)/;
    return {
        date  => strftime('%Y-%m-%d %H:%M UTC', gmtime),
        cores => $opt{cores},
        cpu   => $cpu // 'unknown',
        system => join(', Linux ', $system // 'unknown', $kernel),
        commit => $commit // 'unknown',
    };
}

# which measures others disturbed
sub noise {
    return "No other work took more than 5 % of a core during any of the $Bench::measures measures." unless @Bench::noise;
    my ($worst) = sort { $b->[1] <=> $a->[1] } @Bench::noise;
    return sprintf 'Other work took more than 5 %% of a core during %d of the %d measures, at worst %.0f %% (%s).',
        scalar @Bench::noise, $Bench::measures, 100 * $worst->[1], $worst->[0];
}

# result.json and result.md into the folder; the tables to stdout
sub finish ($seconds) {
    my $machine = machine();
    my $heading = "$machine->{date}, $machine->{cores} cores ($machine->{cpu}), $machine->{system}, commit $machine->{commit}, "
        . "$opt{rounds} rounds of $opt{seconds} s, medians, in " . commas($seconds) . ' s.';
    my $markdown = join "\n", $heading, noise(), '', map { as_markdown($_) } @tables;
    spew "$opt{folder}/result.md", "$markdown";
    spew "$opt{folder}/result.json", JSON::PP->new->pretty->canonical->encode(
        {%result, machine => $machine, rounds => $opt{rounds}, seconds => $opt{seconds},
            disturbed => [map { {what => $_->[0], share_of_a_core => $_->[1]} } @Bench::noise]});
    say as_text($_) for @tables;
    say "\n$heading\n", noise();
    return $markdown;
}

1;
