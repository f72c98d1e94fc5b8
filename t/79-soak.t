# Everything at once for an hour: people who talk, who listen, who come and go, who read what was said long ago, who send
# junk, who do not read; and an operator who has it read its certificates again. Neither memory nor descriptors grow.
# CHATTERBOX_LONG=1 runs it, for CHATTERBOX_SOAK_MINUTES (60).
use v5.36;
use Test::More;

BEGIN { plan skip_all => 'an hour: CHATTERBOX_LONG=1 runs it' unless $ENV{CHATTERBOX_LONG} }
use Chatterbox;
use Chatterbox::Raw;
use Time::HiRes qw(time);

my $seconds = 60 * ($ENV{CHATTERBOX_SOAK_MINUTES} || 60);
my $seed    = srand;
my $server  = Chatterbox->start(-tls => 1, 'chatterbox.rate' => 30, 'chatterbox.outbound-limit' => 65536, 'chatterbox.ping-interval' => 5);
my @guests  = map { $server->guest("guest$_") } 1 .. 40;
my %pids;

# a process of its own that does the same again and again; what goes wrong in it is told at its next turn, not the end
sub again ($name, $code) {
    my $pid = fork // die "fork: $!";
    return $pids{$pid} = $name if $pid;
    Mojo::IOLoop->reset;
    delete $server->{ua};
    srand $seed + $$;
    while (getppid != 1) {
        eval { $code->(); 1 } or print STDERR "# $name: $@";
    }
    POSIX::_exit(0);
}

sub pause ($least) { my $until = time + $least; wait_until 'a moment', sub { time > $until }, 60 }

sub talker ($n) {
    my $who = $guests[$n]->join;
    for my $word (1 .. 500) {
        my $cid = $who->say("$word " . 'x' x rand 600, wait => 0);
        my $answer = $who->answer($cid);
        if ($word % 10 == 0 && $answer->{id}) { $who->edit($answer->{id}, 'edited', wait => 0); $who->send({type => 'read', room => 1, id => $answer->{id}}) }
        $who->delete($answer->{id}, wait => 0) if $word % 50 == 0 && $answer->{id};
        $who->send({type => 'typing', room => 1, active => Mojo::JSON->true}) if $word % 5 == 0;
        pause(0.05);
    }
    die "@{$who->wrong}" if @{$who->wrong};
    @$who{qw(frames inbox messages)} = ([], [], {});
    $who->reconnect;
}

sub listener ($n) {
    my @crowd = map { $guests[$n]->twin } 1 .. 10;
    $_->{forgetful} = 1 for @crowd;
    pause(20 + rand 20);
    for (@crowd) { die "@{$_->wrong}" if @{$_->wrong}; rand() < 0.5 ? $_->drop : $_->leave }
}

sub comer ($n) {
    my @crowd = map { Chatterbox::Raw->open($server) } 1 .. 1 + rand 30;
    for my $raw (@crowd) { $raw->json({type => 'hello', token => $guests[$n + rand 10]->token}) if rand() < 0.7 }
    pause(0.2);
}

sub reader ($n) {
    my $before = int rand 20_000;
    $guests[$n]->get($_) for "/api/rooms/1/messages?limit=200", "/api/rooms/1/messages?limit=200&before=$before", '/api/rooms', '/readyz', '/';
    $server->request(GET => $server->tls_url . '/healthz');
    pause(0.02);
}

sub junk_of ($length) { join '', map { chr rand 256 } 1 .. $length }

sub pest ($n) {
    $server->post('/api/login', junk_of(rand 20_000));
    $server->request(POST => '/api/rooms/1/messages', junk_of(rand 200_000), $guests[$n]->auth);
    my $raw = Chatterbox::Raw->new($server);
    eval { $raw->put(junk_of(rand 3000))->read_head };
    $raw = Chatterbox::Raw->join($server, $guests[$n]);
    $raw->text(junk_of(rand 3000)) for 1 .. rand 20;
    $raw->frame(int rand 16, junk_of(rand 300), rsv => int rand 8);
    eval { $raw->close_code(1) };
    pause(0.05);
}

sub sloth ($n) {
    my $raw = Chatterbox::Raw->join($server, $guests[$n]);
    pause(10 + rand 10);    # reads nothing; what it gets fits, or does not
}

for my $n (0 .. 2) { again("talker$n", sub { talker($n) }) }
again('listener', sub { listener(5) });
again('comer',    sub { comer(10) });
again('reader',   sub { reader(21) });
again('pest',     sub { pest(22) });
again('sloth',    sub { sloth(23) });

my (@samples, $last_hup);
my $start = time;
while (time - $start < $seconds) {
    pause(1);
    die 'the server is gone' if $server->exited;
    push @samples, [time - $start, $server->memory / 1e6, scalar(() = glob '/proc/' . $server->pid . '/fd/*')];
    kill HUP => $server->pid if @samples % 3 == 0;
}
my $ready = $server->get('/readyz')->code;
kill KILL => keys %pids;
waitpid $_, 0 for keys %pids;

# by how much a column grows over the second half: least squares, times its length
sub growth ($column) {
    my @half = grep { $_->[0] > $seconds / 2 } @samples;
    my ($n, $sx, $sy, $sxx, $sxy) = (scalar @half, 0, 0, 0, 0);
    for (@half) { my ($x, $y) = @$_[0, $column]; $sx += $x; $sy += $y; $sxx += $x * $x; $sxy += $x * $y }
    return ($n * $sxy - $sx * $sy) / ($n * $sxx - $sx * $sx) * $seconds / 2;
}

diag "seed $seed; MB and descriptors, by tenths of the time: ",
    join ', ', map { sprintf '%.1f %d', @{$samples[$_ * $#samples / 10]}[1, 2] } 1 .. 10;
is $ready, 200, 'it is ready to the end';
SKIP: {
    skip 'a sanitizer keeps what is freed', 1 if $server->sanitized;
    ok growth(1) < 4, sprintf 'memory grows by %.1f MB over the second half', growth(1);
}
ok growth(2) < 15, sprintf 'descriptors by %.1f', growth(2);
my $count = $server->db->selectrow_array('SELECT count(*) FROM messages');
ok $count > $seconds * 10, "$count messages were said";
unlike $server->log, qr/level=error/, 'nothing failed';
is $server->db->selectrow_array('PRAGMA integrity_check'), 'ok', 'the database is sound';
wait_until 'all who were killed are gone', sub { $server->get('/metrics')->body =~ /^chatterbox_sessions 0$/m }, 30;
my $rest = grep { my $to = readlink($_) // ''; $to =~ /^socket:/ } glob '/proc/' . $server->pid . '/fd/*';
ok $rest < 20, "$rest sockets are left";
$server->stop;
done_testing;
