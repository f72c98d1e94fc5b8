# Somebody came and went while the disk was slow, somebody else got the place, and then the disk failed: the batch was undone,
# the first hello ran once more, found the place taken, and the server aborted.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Errno qw(EIO);
use File::Temp;
use Mojo::JSON qw(encode_json);

my $rules = File::Temp->new;    # see t/faults/disk.c

sub break_disk (@rules) {
    open my $out, '>', "$rules.new" or die $!;
    print $out map {"$_\n"} @rules;
    close $out;
    rename "$rules.new", "$rules" or die $!;
}

sub metric ($server, $name) { ($server->get('/metrics')->body =~ /^chatterbox_$name (\d+)$/m)[0] }

my $server = Chatterbox->start('num-threads' => 1, -preload => [disk => (CHATTERBOX_DISK_FAULTS => "$rules")]);
my ($ada, $bob, @new) = ($server->connect('ada'), map { $server->guest($_) } qw(bob eve kim));

# says hello, and waits for no answer
sub greet ($who) {
    my $raw = Chatterbox::Raw->open($server);
    $raw->json({type => 'hello', token => $who->token});
    return $raw;
}

my $slow = limit(2) * 1000;
my ($here, $ran) = map { metric($server, $_) } qw(sessions commands_total);
break_disk("sync chat.db-wal +$slow");
$ada->say('this one takes long', wait => 0);
wait_until 'the core has it', sub { metric($server, 'commands_total') > $ran };
for (@new) {
    my $gone = greet($_);
    wait_until 'it is there', sub { metric($server, 'sessions') > $here };
    close $gone->{socket};
    wait_until 'it is gone', sub { metric($server, 'sessions') == $here };
}
my $raw  = greet($bob);
my $lost = $ada->say('this one fails', wait => 0);
break_disk('write chat.db-wal ' . EIO);
is $ada->error($lost)->{code}, 'storage_unavailable', 'the batch is undone';
ok $raw->next('welcome', limit(10)), '... and who came into the place of another is welcome all the same';
ok !$server->exited, 'the server lives';
break_disk();
wait_until 'it can write again', sub { $server->get('/readyz')->code == 200 }, 15;
ok $ada->ack($ada->say('and again')), 'and it goes on';
$server->stop;
done_testing;
