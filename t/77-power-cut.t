# Power cuts: a preload (t/faults/powercut.c) throws away what was written and not synced, or a part of it, torn as a disk
# tears it, at a write or a sync that is drawn. With `synchronous: FULL` nothing acknowledged is lost, the database is sound,
# and people go on where they were. With NORMAL losses are seen, and so they are when syncs are ignored: the tool is good.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::World;
use List::Util qw(head sum0);

my $seed = $ENV{CHATTERBOX_SEED} // int rand 1e6;
note "CHATTERBOX_SEED=$seed";
srand $seed;
my $long = $ENV{CHATTERBOX_LONG};

# serves until the power is cut; true when it was so
sub serve_until_cut ($world, %more) {
    my $server = $world->server;
    $server->kill9;
    $world->notice_the_end;
    local %ENV = (
        %ENV, %more,
        LD_PRELOAD    => Chatterbox::fault('powercut'),
        POWERCUT_FILE => $server->database,
        POWERCUT_LOG  => "$server->{dir}/cuts",
        POWERCUT_AT   => 1 + int rand 250,
        POWERCUT_SEED => int rand 1e9
    );
    $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (), 'verify_asan_link_order=0';
    $server->spawn;
    wait_until 'it is ready, or cut already', sub { $server->exited || $server->log =~ /^ready$/m }, 20;
    $world->walk_until("the cut at $ENV{POWERCUT_AT}", sub { $server->exited }, 30) unless $server->exited;
    $world->notice_the_end;
    return ($server->{status} & 127) == 9;
}

# a round: what was lost, and whether the database is sound
sub cut ($world, %more) {
    serve_until_cut($world, %more) or return ('it did not die of the cut', '');
    return (['it does not start again'], '') unless eval { $world->server->launch };
    return ([$world->losses], $world->server->db->selectrow_array('PRAGMA integrity_check'));
}

sub world (%settings) {
    my $server = Chatterbox->start('num-threads' => 2, %settings);
    my $world  = Chatterbox::World->new($server, people => 8, seed => $seed);
    $world->walk_for(0.3);
    $world->come_to_rest;
    return $world;
}

sub cuts ($world) { Chatterbox::slurp($world->server->{dir} . '/cuts') }

# how many changes that were written and not synced the cuts found
sub unsynced ($world) { sum0 cuts($world) =~ /: (\d+) not synced/g }

story 'FULL: nothing acknowledged is lost' => sub {
    my $world  = world();
    my $rounds = $long ? 200 : $world->server->sanitized ? 3 : 6;
    my (@complaints, $unsound);
    my $before = $world->acknowledged;
    for my $round (1 .. $rounds) {
        my ($lost, $sound) = cut($world);
        push @complaints, map {"round $round: $_"} @$lost;
        $unsound++ if $sound ne 'ok';
        $world->come_to_rest;
        push @complaints, map {"round $round: $_"} $world->complaints;
    }
    is_deeply [head 5, @complaints], [], 'nothing lost, doubled or out of order, and everybody\'s state is the database\'s';
    ok !$unsound, '... the database was sound each time';
    cmp_ok unsynced($world), '>', 0, '... and there was something to throw away: ' . unsynced($world) . ' changes';
    diag "FULL: $rounds cuts, ${\ ($world->acknowledged - $before)} acknowledged, ${\ unsynced($world)} changes not synced, ${\ scalar @complaints} complaints"
        if $long;
    $world->server->stop;
};

# rounds until something is lost; what nobody can have any more is forgotten
sub losses ($world, %more) {
    my ($rounds, $lossy, $lost, $dead) = (0, 0, 0, 0);
    while ($rounds < ($long ? 50 : 20)) {
        $rounds++;
        my ($gone, $sound) = cut($world, %more);
        $dead = $sound ne 'ok';
        $lossy++ if @$gone || $dead;
        $lost += @$gone;
        last if $lossy && !$long || $dead;
        delete @$_{qw(kept promised)} for $world->walkers;
    }
    return sprintf '%d of %d cuts lost something, %d changes%s', $lossy, $rounds, $lost, $dead ? ', the last one the database' : '' if $lossy;
    return;
}

for my $how (['NORMAL', {'chatterbox.synchronous' => 'NORMAL'}, {}], ['a disk that lies', {}, {POWERCUT_DEAF => 1}]) {
    my ($name, $settings, $more) = @$how;
    story "$name: losses are seen" => sub {
        my $world = world(%$settings);
        my $seen  = losses($world, %$more);
        ok $seen, $seen // 'none in 20 cuts';
        diag "$name: $seen" if $long && $seen;
        $world->server->kill9;
    };
}

diag "CHATTERBOX_SEED=$seed" unless Test::More->builder->is_passing;
done_testing;
