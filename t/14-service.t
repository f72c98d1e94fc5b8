# What is installed, and how little of the machine the systemd unit leaves to the program.
use v5.36;
use Test::More;
use Chatterbox;
use File::Basename qw(dirname);
use File::Temp;

my $build = dirname(Chatterbox::binary());
plan skip_all => "$build is no build that cmake can install" unless -e "$build/cmake_install.cmake";

my $temp = File::Temp->newdir;
{
    local $ENV{DESTDIR} = "$temp";
    my $said = `cmake --install '$build' 2>&1`;
    is $?, 0, 'cmake --install' or diag $said;
}
my ($prefix) = Chatterbox::slurp("$build/CMakeCache.txt") =~ /^CMAKE_INSTALL_PREFIX:PATH=(.*)$/m;
my $root = "$temp$prefix";
ok -x "$root/bin/chatterbox", 'the program';
ok -s "$root/share/chatterbox/htdocs/$_", "the page: $_" for qw(index.html js/app.js css/base.css sw.js);
my ($etc) = grep { -d } "$root/etc/chatterbox", "$temp/etc/chatterbox";
ok -s "$etc/$_", "the configuration: $_" for qw(chatterbox.yaml production.yaml);
like Chatterbox::slurp("$etc/production.yaml"), qr{file\.dir: \Q$prefix\E/share/chatterbox/htdocs$}m, '... which knows where the page is';
my $units = "$root/lib/systemd/system";
my $unit  = Chatterbox::slurp("$units/chatterbox.service");
like $unit,   qr{^ExecStart=\Q$prefix\E/bin/chatterbox -c \S+/production\.yaml$}m, 'the unit, which starts what was installed';
unlike $unit, qr/\@\w+\@/, '... with all names filled in';

# the sockets that are handed over are those that the configuration wants
my $sockets = Chatterbox::slurp("$units/chatterbox.socket");
my $production = Chatterbox::slurp("$etc/production.yaml");
my %wanted = map { $_ => 1 } (map { ("0.0.0.0:$_", "[::]:$_") } $production =~ /\bport: (\d+)/g), $production =~ m{\bport: (/[^\s,]+)}g;
my %handed = map { $_ => 1 } $sockets =~ /^ListenStream=(\S+)/mg;
is_deeply \%handed, \%wanted, 'the socket unit has what production.yaml listens on, and no more';

SKIP: {
    my $said = `systemd-analyze security --offline=true --no-pager '$units/chatterbox.service' 2>&1`;
    my ($exposure) = $said =~ /Overall exposure level[^:]*: ([\d.]+)/;
    skip 'no systemd-analyze that can look at a file', 1 unless defined $exposure;
    cmp_ok $exposure, '<', 2.0, 'systemd-analyze security is content' or diag $said;
}

done_testing;
