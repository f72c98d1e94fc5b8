# A request line that begins with a space was a request without a method, and one whose method is no token was as good as others:
# readers that split at the first space, or trim it, see another request. The names of headers are held to the same.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;

my $server = Chatterbox->start('num-threads' => 1);

# the status of each answer until the server hangs up
sub answers ($bytes) {
    my $raw = Chatterbox::Raw->new($server)->put($bytes);
    my $all = '';
    while (defined(my $byte = eval { $raw->take(1, 8) })) { $all .= $byte }
    return join ' ', ($raw->{eof} ? 'end' : 'open'), $all =~ m{HTTP/1\.1 (\d{3}) }g;
}

my $hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

story 'refused, and nothing behind it is answered' => sub {
    for my $head (
        " / HTTP/1.1\r\nHost: x", " /healthz HTTP/1.1\r\nHost: x",
        (map {"G${_}T /healthz HTTP/1.1\r\nHost: x"} '(', '"', ':', '/', '{', '@', ',', "\xc3"),
        (map {"GET /healthz HTTP/1.1\r\nHost: x\r\nX${_}y: z"} '(', '"', '/', '{', '@', ',', "\xc3"),
    ) {
        is answers("$head\r\n\r\n$hidden"), 'end 400', $head =~ s/\r\n/ | /gr =~ s/\xc3/\\xc3/r;
    }
};

story 'tokens are as good as ever' => sub {
    my $chars = q(!#$%&'*+-.^_`|~0aZ);
    is $server->get('/healthz', "X$chars" => 'y')->code, 200, 'the name of a header';
    is answers("M$chars /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 'end 405', 'a method that nobody knows';
};

$server->stop;
done_testing;
