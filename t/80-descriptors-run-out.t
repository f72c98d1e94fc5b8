# With many workers and few descriptors, max-connections was more than there were descriptors for: what ran out first was the
# database, or the files. Now as many are let in as there is room for, others are refused, and all the rest works.
use v5.36;
use Test::More;
use Chatterbox;
use File::Temp;
use IO::Socket::INET;

story 'thirty-two workers, four hundred descriptors' => sub {
    my $wrapper = File::Temp->new;
    my $binary  = Chatterbox::binary();
    print $wrapper "#!/bin/sh\nulimit -n 400\nexec '$binary' \"\$@\"\n";
    close $wrapper;
    chmod 0755, "$wrapper";
    local $ENV{CHATTERBOX_BIN} = "$wrapper";
    my $server = Chatterbox->start('num-threads' => 32, 'max-connections' => 390);
    like $server->log, qr/max-connections-lowered/, 'it says that it cannot have so many';
    my @crowd = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) // () } 1 .. 450;
    wait_until 'the rest is refused', sub { grep { my $s = $_; $s->blocking(0); my $n = sysread $s, my $byte, 1; defined $n && !$n } @crowd };
    close shift @crowd for 1 .. @crowd - 20;
    my $ada;
    wait_until 'there is room again', sub { eval { ($ada) = $server->connect('ada'); 1 } };
    ok $ada->ack($ada->say('hello')), 'messages are stored';
    is $server->get('/')->code, 200, 'files are served';
    unlike $server->log, qr/accept-paused|level=error/, 'no descriptor was missing';
    $server->stop;
};

done_testing;
