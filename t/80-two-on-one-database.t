# Two servers on one database both numbered its messages, and nobody noticed: the second must not start.
use v5.36;
use Test::More;
use Chatterbox;

my $server = Chatterbox->start;
my $output = qx{${\ Chatterbox->binary} -c ${\ $server->config_file} 2>&1};
is $? >> 8, 1, 'the second ends with status 1';
like $output, qr/in use by another process/, '... and says why';
is scalar(split /\n/, $output), 1, '... in one line';
my $ada = $server->connect('ada');
ok $ada->ack($ada->say('undisturbed')), 'the first goes on';
$server->kill9;
$server->launch;
ok $server->connect('bob'), 'after a kill -9 the next one starts';
$server->stop;
done_testing;
