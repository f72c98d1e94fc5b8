# SIGTERM under load: clients are told, what was acknowledged is there, and the program ends well and in time.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Time::HiRes qw(time);

for my $signal (qw(TERM INT)) {
    story "SIG$signal while everybody talks" => sub {
        my $server   = Chatterbox->start;
        my @senders  = map { $server->connect("sender$_") } 1 .. 6;
        my @silent   = map { $server->connect("silent$_") } 1 .. 6;
        my $greeting = Chatterbox::Raw->open($server);    # has not said hello
        my $pump     = Mojo::IOLoop->recurring(
            0.001 => sub {
                for my $who (grep { $_->is_open } @senders) {
                    my $open = grep { !$who->answered($_) } keys %{$who->{asked}};
                    $who->say('talk', wait => 0) for $open + 1 .. 20;
                }
            }
        );
        wait_until 'some acks', sub { 200 < grep { $_->{type} eq 'ack' } map { values %{$_->{acks}} } @senders }, 30;
        my $start = time;
        kill $signal => $server->pid;
        is $_->close_code, 1001, $_->name . ' is closed with 1001' for @senders, @silent;
        Mojo::IOLoop->remove($pump);
        is eval { $greeting->close_code } // $@, 1001, 'so is who had not said hello';
        wait_until 'the server ends', sub { $server->exited }, 10;
        ok time - $start < limit(10), sprintf 'it takes %.1f s', time - $start;
        is $server->{status}, 0, 'exit status 0';
        $server->sanitizer_clean;
        my @byes = map { $_->{bye} } @senders, @silent;
        is scalar(grep {defined} @byes), 12, 'everybody got a bye before';
        is scalar(grep { !($_ && $_->{again_ms} =~ /^\d+$/) } @byes), 0, '... that says when to come back';
        my %again = map { $_->{again_ms} => 1 } @byes;
        ok keys %again > 3, '... not all at the same time';
        my %codes = map { $_->{code} => 1 } map { values %{$_->{errors}} } @senders;
        is_deeply [grep { $_ ne 'draining' } keys %codes], [], 'who was refused, was so because of draining';

        $server->launch;
        my %id = map { $_->[1] => $_->[0] } @{$server->db->selectall_arrayref('SELECT id, cid FROM messages')};
        my @acks = map { values %{$_->{acks}} } @senders;
        is scalar(grep { ($id{$_->{cid}} // 0) != $_->{id} } @acks), 0, 'all ' . @acks . ' acknowledged messages are there';
        for my $who (@senders, @silent) {
            $who->reconnect;
            $who->learn($_) for $who->page->{reset} ? @{$who->history} : ();
        }
        is scalar(grep { @{$_->wrong} } @senders, @silent), 0, 'nobody saw a promise broken';
        is_deeply $_->transcript, $server->transcript, $_->name . ' comes back and knows all' for $senders[0], $silent[0];
        $server->stop;
    };
}

story 'a server that nobody talks to ends at once' => sub {
    my $server = Chatterbox->start;
    my $start  = time;
    $server->stop;
    ok time - $start < limit(3), sprintf 'in %.2f s', time - $start;
};

story 'a client that does not read cannot hold up the end' => sub {
    my $server = Chatterbox->start;
    my ($sloth, $hare) = map { $server->connect($_) } qw(sloth hare);
    $sloth->stop_reading;
    my @cids = map { $hare->say('x' x 16000, wait => 0) } 1 .. 300;
    $hare->answer($_) for @cids;
    $server->stop;
};

done_testing;
