# A hello that was refused, since the one before was not answered yet, left the end of its own token behind: a connection
# lived as long as a token that nobody had looked up, of a session that was logged out.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(decode_base64 encode_base64);
use Mojo::JSON qw(decode_json encode_json);

my $server = Chatterbox->start('chatterbox.ping-interval' => 4);    # it looks every 2 s, and waits 6 for a pong

sub b64url ($bytes) { encode_base64($bytes, '') =~ tr{+/=}{-_}dr }

# the same, but good for so many s
sub for_seconds ($token, $seconds) {
    my ($head, $body) = split /\./, $token;
    my $claims = decode_json(decode_base64($body =~ tr{-_}{+/}r . '=' x (-length($body) % 4)));
    my $signed = "$head." . b64url(encode_json({%$claims, exp => time + $seconds}));
    return "$signed." . b64url(hmac_sha256($signed, $server->secret));
}

my $ada  = $server->account('ada');
my $dead = $server->post('/api/login', {username => 'ada', password => 'correct horse battery'})->json->{token};
is $server->post('/api/logout', {}, Authorization => "Bearer $dead")->code, 204, 'one of two sessions is logged out';

my $raw    = Chatterbox::Raw->open($server);
my @hellos = map { encode_json {type => 'hello', token => $_} } for_seconds($ada->token, 3), $dead;
$raw->put(join '', map { Chatterbox::Raw::encode(Chatterbox::Raw::TEXT, $_) } @hellos);
is $raw->next('error', limit(10))->{code}, 'rate_limited', 'the second hello comes too early';
is $raw->close_code(limit(10)), 4003, '... and the connection ends with the token of the first';
$server->stop;
done_testing;
