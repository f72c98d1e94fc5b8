# What a foreign page can do in the name of who reads it: nothing. The cookie, CSRF on each call that changes something (the
# list is that of src/PROTOCOL.md), WebSockets from elsewhere, the headers of the page in both configurations that are shipped,
# sessions that somebody else chose, sessions that are over.
#
# What is not ours to prevent: a page of the same origin, whatever its path, is the user (give Chatterbox a host of its own); a page
# of a sibling domain may set a cookie of our name for the domain above both, and so make its victim somebody else (it has to have a
# session itself), never the other way round. A name that an attacker's DNS points at us has none of our cookies.
package Shipped;

# a server with a shipped configuration: its ports, its files and its user are other ones, the rest is as it is
use v5.36;
use parent -norequire, 'Chatterbox';

sub write_config ($self) {
    my ($dir, $root) = ($self->dir, Chatterbox::root());
    my $config = Chatterbox::slurp("$root/conf/$self->{own}{-conf}");
    my $files  = Chatterbox::certificate();
    $config =~ s{(?:/etc/chatterbox|var)/cert\.pem}{$files->{'certificate-file'}};
    $config =~ s{(?:/etc/chatterbox|var)/key\.pem}{$files->{'key-file'}};
    $config =~ s{(?:/var/lib/chatterbox|/var/log/chatterbox|/run/chatterbox|\bvar)/(?!folders|tmp)}{$dir/}g if $self->{own}{-conf} eq 'production.yaml';
    $config =~ s{: var/}{: $dir/}g;
    $config =~ s{^user: .*\n}{}m;
    $config =~ s{owner: chatterbox, }{};
    $config =~ s{port: (?:80|443|8080|8443)\b}{port: 0}g;
    $config =~ s{^(\s+)listen: \{port: 0\}}{$1listen: {host: 127.0.0.1, port: 0}}m;
    $config =~ s{listen:\n(\s+)port: 0}{listen:\n$1host: 127.0.0.1\n$1port: 0};
    $config =~ s{file\.dir: htdocs}{file.dir: $root/htdocs};
    open my $out, '>', $self->config_file or die $self->config_file . ": $!";
    print $out $config;
    close $out;
}

package main;

use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(decode_json);

my $word   = 'correct horse battery';
my $server = Chatterbox->start('num-threads' => 2, -tls => 1);
my $own    = $server->url;

sub cookie ($who) { (Cookie => 'chatterbox_token=' . $who->token) }
sub login ($name, %headers) { $server->post('/api/login', {username => $name, password => $word}, %headers) }

# name, value and attributes of the cookie that an answer sets
sub cookie_of ($res) {
    my @all = @{$res->headers->every_header('Set-Cookie')};
    return {cookies => scalar @all} if @all != 1;
    my ($pair, @attributes) = split /; /, $all[0];
    my ($name, $value) = split /=/, $pair, 2;
    my %is = ($name => $value, map { my ($name, $value) = split /=/; (lc $name => $value // 1) } @attributes);
    $is{'max-age'} = 'a week' if abs($is{'max-age'} - 604800) < 60;    # less what the login took
    return \%is;
}

# how many rows each table has
sub rows {
    my $db   = $server->db;
    my %rows = map { $_ => $db->selectrow_array("SELECT count(*) FROM \"$_\"") }
        @{$db->selectcol_arrayref("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")};
    $db->disconnect;
    return \%rows;
}

story 'the cookie' => sub {
    my %is = ('max-age' => 'a week', httponly => 1, samesite => 'Strict', path => '/');    # and no Domain: not for hosts below ours
    my $ada = $server->account('ada', $word);
    my $res = login('ada');
    is_deeply cookie_of($res), {%is, chatterbox_token => $res->json->{token}}, 'with HTTP';
    my $tls = $server->post($server->tls_url . '/api/login', {username => 'ada', password => $word});
    is_deeply cookie_of($tls), {%is, secure => 1, '__Host-chatterbox_token' => $tls->json->{token}}, 'with HTTPS it is Secure, and of this very host';
    my $me = sub ($url, $name) { $server->get("$url/api/me", Cookie => "$name=" . $res->json->{token})->code };
    my @names = map {"${_}chatterbox_token"} '', '__Host-';
    is_deeply [map { $me->($server->url, $_) } @names], [200, 401], 'with HTTP only its own name is read';
    is_deeply [map { $me->($server->tls_url, $_) } @names], [401, 200], '... with HTTPS, too: what a neighbour by HTTP has set is nobody';
    my %gone = (%is, 'max-age' => 0, chatterbox_token => '');
    my $out  = $server->post('/api/logout', {}, Cookie => 'chatterbox_token=' . $res->json->{token}, Origin => $own);
    is $out->code, 204, 'logged out with it';
    is_deeply cookie_of($out), \%gone, '... it is cleared, as it was set';
    $out = $server->request(POST => $server->tls_url . '/api/logout', {}, Cookie => '__Host-chatterbox_token=' . $tls->json->{token}, Origin => $server->tls_url);
    delete $gone{chatterbox_token};
    is_deeply cookie_of($out), {%gone, secure => 1, '__Host-chatterbox_token' => ''}, '... and so with HTTPS';
    $res = $server->get('/api/me', Cookie => 'chatterbox_token=' . $res->json->{token});
    is_problem $res, 401, 'unauthorized', 'a browser that kept it';
    is_deeply cookie_of($res), {%gone, chatterbox_token => ''}, '... is told again';
    is_deeply cookie_of($server->get('/api/me', $ada->auth)), {cookies => 0}, 'who only reads is given none';
};

# -- CSRF --

my ($protocol) = Chatterbox::slurp(Chatterbox::root() . '/src/PROTOCOL.md');
my @changes = do { my %seen; grep { !$seen{$_}++ } $protocol =~ /^\| `((?:POST|PATCH|PUT|DELETE) \/api\/\S+?)[` ]/mg };
my %body = (
    '/api/register' => {username => 'mallory', password => $word}, '/api/login' => {username => 'mallory'}, '/api/me' => {display_name => 'M'},
    '/api/rooms' => {kind => 'public', name => 'm'}, '/api/direct' => {username => 'bob'}, '/api/rooms/{room}' => {topic => 'm'},
    '/api/rooms/{room}/members' => {username => 'bob'}, '/api/rooms/{room}/messages' => {text => 'm'}, '/api/logout' => {},
    '/api/rooms/{room}/members/{username}' => {}
);

# asks as a page elsewhere would have a browser ask
sub forge ($change, $room, %headers) {
    my ($method, $path) = split / /, $change;
    my $body = $body{$path} // die "what is sent to $path?";
    return $server->request($method => $path =~ s/\{room\}/$room/r =~ s/\{username\}/bob/r, $body, %headers);
}

story 'no page elsewhere changes anything' => sub {
    my ($ada, $bob) = map { $server->account($_, $word) } qw(ann bob);
    my $room  = $ada->post('/api/rooms', {kind => 'public', name => 'ann only'})->json->{id};
    $ada->post("/api/rooms/$room/members", {username => 'bob'});
    ok @changes >= 10, 'the calls are found: ' . @changes;
    my $before = rows();
    my @origins = ('http://evil.example', 'null', '', "$own.evil.example", $own =~ s/http/https/r, $own =~ s/:\d+$//r, undef);
    for my $change (@changes) {
        for my $origin (@origins) {
            my %from = defined $origin ? (Origin => $origin) : ();
            is_problem forge($change, $room, cookie($ada), %from), 403, 'bad_origin', "$change with the cookie, Origin " . ($origin // 'absent');
        }
        is_problem forge($change, $room, Origin => 'http://evil.example'), 403, 'bad_origin', "$change without the cookie, from elsewhere";
    }
    for my $type ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json', '') {
        is_problem forge('POST /api/rooms/{room}/messages', $room, cookie($ada), Origin => 'http://evil.example', 'Content-Type' => $type), 403, 'bad_origin', "as '$type'";
        is_problem forge('POST /api/rooms/{room}/messages', $room, cookie($ada), 'Content-Type' => $type), 403, 'bad_origin', "... without an Origin";
    }
    for my $name (qw(X-HTTP-Method-Override X-HTTP-Method X-Method-Override)) {
        is $server->get('/api/logout', cookie($ada), $name => 'POST')->code, 405, "GET with $name: POST is a GET";
        is $server->post('/api/me', {display_name => 'M'}, cookie($ada), Origin => $own, $name => 'PATCH')->code, 405, "POST with $name: PATCH is a POST";
        is $server->get("/api/rooms/$room/members/bob", cookie($ada), $name => 'DELETE')->code, 405, "GET with $name: DELETE is a GET";
    }
    is $server->get('/api/logout?_method=POST', cookie($ada))->code, 405, 'nor does a query say another method';
    is $server->request(HEAD => '/api/logout', undef, cookie($ada))->code, 405, 'nor HEAD';
    is_deeply rows(), $before, 'nothing was changed in any table';
    is $ada->get('/api/me')->json->{display_name}, 'ann', '... nor the name, and the session lives';
    my $said = $server->post("/api/rooms/$room/messages", {text => 'ours'}, cookie($ada), Origin => $own);
    is $said->code, 201, 'control: our own page may' or diag $said->body;
    is $server->post("/api/rooms/$room/messages", {text => 'a bot'}, $ada->auth, Origin => 'http://evil.example')->code, 201, '... and whoever has the token itself';
};

story 'no page elsewhere reads anything' => sub {
    my $ada = $server->guest('reader');
    for my $way (['OPTIONS', 'Access-Control-Request-Method' => 'POST', 'Access-Control-Request-Headers' => 'authorization'], ['GET'], ['POST']) {
        my ($method, %more) = @$way;
        my $res = $server->request($method => '/api/rooms', undef, cookie($ada), Origin => 'http://evil.example', %more);
        my @names = grep {/^access-control-|^timing-allow/i} @{$res->headers->names};
        is "@names", '', "$method: no answer lets another origin in";
    }
    is $server->get('/api/me', cookie($ada), Origin => 'http://evil.example')->headers->cache_control, 'no-store', 'what is answered is kept nowhere';
};

# -- WebSockets from elsewhere --

# the status of a handshake with these headers, as pairs; the cookie is always there
sub shake ($who, $host, @origins) {
    my $raw = Chatterbox::Raw->new($server);
    return $raw->request(GET => '/ws', Host => $host, Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => $raw->key,
        'Sec-WebSocket-Version' => 13, cookie($who), map { (Origin => $_) } @origins)->status;
}

story 'no page elsewhere opens a WebSocket' => sub {
    my $eve  = $server->guest('victim');
    my $port = $server->port;
    my $at   = "127.0.0.1:$port";
    is shake($eve, $at, $own), 101, 'our own page does';
    is shake($eve, $at, "HTTP://$at"), 101, '... however the scheme is written';
    my @evil = (
        'null', 'NULL', '', 'http://evil.example', "http://evil.example:$port", "$own.evil.example", "http://127.0.0.1.evil.example:$port", 'http://127.0.0.1',
        'http://127.0.0.1:1', "http://127.0.0.1:0$port", "http://127.0.0.1:${port}0", "https://$at", "ws://$at", "wss://$at", "$own/", "$own/index.html", "$own?", "$own#", "$own.",
        "http://127.0.0.1.:$port", "http://evil\@$at", "http://evil:x\@$at", "http://$at\@evil.example", "http://$at:80", "http://127.1:$port", "http://2130706433:$port",
        "http://0x7f000001:$port", "http://localhost:$port", "http://[::1]:$port", "http://[::ffff:127.0.0.1]:$port", "$own $own", "$own,http://evil.example", "//$at", $at, 'file://', 'http://', 'http',
        'chrome-extension://abcdefgh', "http://evil.example\\$at", "http://evil.example/$at", "\x{e9}", "http:/$at", "http:$at", "http:///$at"
    );
    is shake($eve, $at, $_), 403, "Origin: $_" for @evil;
    is shake($eve, $at, @$_), 403, "two Origins: @$_" for [$own, 'http://evil.example'], ['http://evil.example', $own], [$own, 'null'];
    my $name = 'chat.example:8443';
    is shake($eve, $name, "http://$name"), 101, 'by a name';
    is shake($eve, $name, 'http://CHAT.example:8443'), 101, '... in capitals: it is the same';
    is shake($eve, $name, $_), 403, "... but not $_"
        for 'http://sub.chat.example:8443', 'http://xchat.example:8443', 'http://chat.example.:8443', 'http://chat.exampl:8443', 'http://chat.example', 'http://chat.example:844',
        'http://chat.example:8443.evil.example', 'http://example:8443', 'http://chat_example:8443', 'https://chat.example:8443';
    is shake($eve, 'chat.example.:8443', 'http://chat.example:8443'), 403, '... nor to a name with a dot behind, without one';
    is shake($eve, 'chat.example:80', 'http://chat.example'), 101, 'the default port may be left out';
    is shake($eve, 'chat.example',    'http://chat.example:80'), 101, '... on either side';
    is shake($eve, 'chat.example', 'http://chat.example:443'), 403, '... that of HTTP only';
};

# -- the page, as it is shipped --

# directives of a Content-Security-Policy
sub policy ($text) { return {map { my ($name, @values) = split; ($name => "@values") } split /;\s*/, $text} }

my @hard = (
    ['chatterbox.yaml', sub ($s) { [$s->url], [$s->tls_url] }],
    ['production.yaml', sub ($s) { [$s->tls_url, Host => 'chat.example.org'] }, 'HSTS']
);
for (@hard) {
    my ($conf, $places, $hsts) = @$_;
    story "the headers of conf/$conf" => sub {
        my $shipped = Shipped->start(-conf => $conf);
        my $self    = "'self'";
        for my $place ($places->($shipped)) {
            my ($url, @host) = @$place;
            for my $path ('/', '/js/app.js', '/css/base.css', '/api/me', '/api/nowhere', '/nowhere.html', '/ws', '/healthz') {
                my $res  = $shipped->get("$url$path", @host);
                my $has  = $res->headers;
                my $csp  = policy($has->header('Content-Security-Policy') // '');
                my $what = "$url$path (" . $res->code . ')';
                is_deeply [@$csp{qw(default-src object-src frame-ancestors base-uri form-action connect-src)}],
                    [$self, map({"'none'"} 1 .. 3), $self, $self], "$what: the policy";
                is join(' ', grep {/unsafe|\*|https?:|blob|data/} map {"$_ $csp->{$_}"} grep { $_ ne 'img-src' } keys %$csp), '', '... nothing unsafe, nothing from elsewhere';
                is $csp->{'script-src'}, undef, '... scripts are those of default-src';
                is $has->header('X-Content-Type-Options'), 'nosniff', '... nosniff';
                like $has->header('Referrer-Policy') // '', qr/^(?:same-origin|no-referrer)$/, '... a referrer for nobody else';
                like $has->header('Permissions-Policy') // '', qr/\bcamera=\(\).*\bmicrophone=\(\)/, '... no camera, no microphone';
                my ($age) = ($has->header('Strict-Transport-Security') // '') =~ /\bmax-age=(\d+)/;
                if ($hsts) { cmp_ok $age // 0, '>=', 31536000, '... HTTPS for a year' }
                is scalar @{$has->every_header('Content-Security-Policy')}, 1, '... each is there once';
                is $has->server, 'chatterbox', '... and says no version';
            }
            my $page = $shipped->get("$url/", @host)->body;
            unlike $page, qr/<script(?![^>]*\bsrc=)/i, 'no script stands in the page';
            unlike $page, qr/<style\b|\sstyle\s*=|\son[a-z]+\s*=|javascript:/i, '... no style, and no handler';
            unlike $page, qr/(?:src|href|action)="(?:https?:)?\/\//i, '... and nothing is from elsewhere';
        }
        plain_http($shipped) if $hsts;
        delete $shipped->{ua};    # or its connections are waited for
        $shipped->stop;
    };
}

# without TLS production says only where to go
sub plain_http ($shipped) {
    for my $path ('/', '/api/me', '/ws', '/healthz') {
        my $res = $shipped->get($path);
        is $res->code, 301, "$path by HTTP";
        like $res->headers->location // '', qr{^https://chat\.example\.org/}, '... is sent to HTTPS';
        is $res->headers->set_cookie, undef, '... without a cookie';
    }
    my ($tls, @host) = ($shipped->tls_url, Host => 'chat.example.org');
    is $shipped->get("$tls/metrics", @host)->code, 404, 'what is counted is not for the world';
    my $res = $shipped->post("$tls/api/login", {username => 'prod'}, @host);
    is $res->code, 200, 'logged in';
    my @cookie = (Cookie => '__Host-chatterbox_token=' . $res->json->{token});
    my $post   = sub ($origin) { $shipped->post("$tls/api/rooms/1/messages", {text => 'hi'}, @host, @cookie, Origin => $origin)->code };
    is $post->('https://chat.example.org'), 201, 'the page of the name';
    is $post->($_), 403, "not $_" for 'http://chat.example.org', 'https://evil.example.org', $tls;
}

# -- sessions --

story 'a session that somebody else chose is not gone into' => sub {
    my $mallory = $server->guest('mallory2');
    my $ada     = $server->account('fixed', $word);
    for my $with ([cookie($mallory), Origin => $own], [$mallory->auth], [cookie($ada), Origin => $own], [$ada->auth]) {
        my $res = login('fixed', @$with);
        is $res->code, 200, "logging in with another session's $with->[0]";
        is $res->json->{user}{username}, 'fixed', '... is by name and password';
        isnt $res->json->{token}, $_->token, '... and gives a new session' for $mallory, $ada;
        is cookie_of($res)->{chatterbox_token}, $res->json->{token}, '... the cookie is that';
        is $mallory->get('/api/me')->json->{username}, 'mallory2', '... while the other session is whose it was';
    }
    my %seen;
    ++$seen{login('fixed')->json->{token}} for 1 .. 3;
    is keys %seen, 3, 'each login gives another one';
    my $res = $server->post('/api/login', {username => 'fixed', password => $word, token => $mallory->token, jti => 'a' x 32, user_id => 1, expires_at => 1});
    is $res->json->{user}{username}, 'fixed', 'what else is asked for is not heard';
    unlike $res->json->{token}, qr/\Q@{[$mallory->token]}\E/, '... the session is a new one';
    $res = $server->post('/api/register', {username => 'newcomer', password => $word}, cookie($mallory), Origin => $own);
    is $res->json->{user}{username}, 'newcomer', 'who registers with a guest\'s cookie under another name';
    isnt $res->json->{user}{id}, $mallory->user->{id}, '... is somebody else than the guest';
    $res = $server->post('/api/login', {username => 'otherguest'}, cookie($mallory), Origin => $own);
    isnt $res->json->{user}{id}, $mallory->user->{id}, '... and so is a new guest';
};

story 'what is over is over everywhere' => sub {
    my $out = $server->account('zoe', $word);
    my @raw = map {
        my $raw = Chatterbox::Raw->open($server, cookie($out), Origin => $own);
        $raw->json({type => 'hello'});
        $raw->next('history');
        $raw
    } 1 .. 2;
    my $silent = Chatterbox::Raw->open($server, cookie($out), Origin => $own);    # has not said hello yet
    my $late   = login('zoe');
    is $server->post('/api/logout', {}, cookie($out), Origin => $own)->code, 204, 'logged out by the page';
    is $_->close_code, 4005, 'a WebSocket of the session ends' for @raw;
    $silent->json({type => 'hello'});
    is $silent->close_code, 4003, 'one that was open, and says hello now, is not let in';
    is_problem $server->get('/api/me', cookie($out)), 401, 'unauthorized', 'the cookie';
    is_problem $server->get('/api/me', $out->auth),   401, 'unauthorized', 'the token';
    is_problem $server->post('/api/logout', {}, $out->auth), 401, 'unauthorized', '... twice is not';

    my $tab   = $server->bearer(zoe => $late->json->{token})->join;
    my $other = $server->bearer(zoe => login('zoe')->json->{token});
    my $res   = $server->request(PATCH => '/api/me', {old_password => $word, password => "$word 2"}, cookie($other), Origin => $own);
    is $res->code, 200, 'a new password';
    is $tab->close_code, 4005, 'the WebSocket of another session ends';
    is_problem $tab->get('/api/me'), 401, 'unauthorized', '... its token';
    is_problem $server->get('/api/me', cookie($tab)), 401, 'unauthorized', '... and its cookie';
    is $other->get('/api/me')->code, 200, 'the session that did it goes on';
};

delete $server->{ua};
$server->stop;
done_testing;
