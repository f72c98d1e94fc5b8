# Who said TERM twice, the second time in the last moment of the server, killed it: its exit status was 15, as if something had gone wrong.
use v5.36;
use Test::More;
use Chatterbox;

story 'TERM, again and again until it has ended' => sub {
    for (1 .. 5) {
        my $server = Chatterbox->start;
        kill TERM => $server->pid until $server->exited;
        $server->stop;
    }
};

done_testing;
