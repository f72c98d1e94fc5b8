# A proxy that ends TLS says so: what its clients get is for TLS, as if they had come by it. From anybody else it is nothing.
use v5.36;
use Test::More;
use Chatterbox;

my $word = 'correct horse battery';

# a login as seen through a proxy that says `@proto` of itself: the answer and its cookie
sub login ($server, $name, @proto) {
    my $res = $server->post('/api/register', {username => $name, password => $word}, map { ('X-Forwarded-Proto' => $_) } @proto);
    return ($res, $res->headers->header('Set-Cookie') // '');
}

# what a page at `$origin` may do with this cookie
sub change ($server, $cookie, $origin, @proto) {
    my ($pair) = $cookie =~ /^([^;]+)/;
    return $server->request(PATCH => '/api/me', {display_name => 'Ada'}, Cookie => $pair, Origin => $origin, map { ('X-Forwarded-Proto' => $_) } @proto)->code;
}

story 'behind a proxy that is trusted' => sub {
    my $server = Chatterbox->start('chatterbox.trusted-proxies' => '127.0.0.1');
    my $host   = '127.0.0.1:' . $server->port;
    my ($res, $cookie) = login($server, 'ada', 'https');
    is $res->code, 201, 'a login';
    like $cookie, qr/^__Host-chatterbox_token=[^;]+;.*; Secure/, 'has a cookie for TLS';
    is change($server, $cookie, "https://$host", 'https'), 200, 'the page of this host may change something';
    is change($server, $cookie, "http://$host",  'https'), 403, 'its copy without TLS may not';
    is change($server, $cookie, "https://$host", 'http'),  403, 'nor may it where the proxy was asked without';
    is change($server, $cookie, "https://$host"),          403, '... or does not say';
    unlike +(login($server, 'bob', 'http'))[1],         qr/Secure|__Host/, 'without TLS in front the cookie is a plain one';
    unlike +(login($server, 'cho', 'https, http'))[1],  qr/Secure|__Host/, '... and where it is not clear';
    unlike +(login($server, 'dan', 'https, https'))[1], qr/Secure|__Host/, '... as with two';
    $server->stop;
};

story 'nobody else is believed' => sub {
    my $server = Chatterbox->start('chatterbox.trusted-proxies' => '10.0.0.0/8');
    my ($res, $cookie) = login($server, 'ada', 'https');
    is $res->code, 201, 'a login';
    like $cookie, qr/^chatterbox_token=/, 'has a plain cookie';
    unlike $cookie, qr/Secure/, '... that plain HTTP brings back';
    is change($server, $cookie, 'https://127.0.0.1:' . $server->port, 'https'), 403, 'a page of TLS is another page';
    is change($server, $cookie, 'http://127.0.0.1:' . $server->port,  'https'), 200, '... and ours is ours';
    $server->stop;
};

done_testing;
