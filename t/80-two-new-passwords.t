# Two changes of one password at the same moment, both with the old one: one is made, and the other is told.
use v5.36;
use Test::More;
use Chatterbox;

my $server = Chatterbox->start('num-threads' => 2);
my $ann    = $server->account('ann', 'the first password');
my $ua     = Chatterbox::user_agent();
my $old    = 'the first password';
my %seen;

for my $round (1 .. limit(20)) {
    my @answers;
    for my $new (map {"password $_ of round $round"} 1, 2) {
        my $tx = $ua->build_tx(PATCH => $server->url . '/api/me', {$ann->auth}, json => {old_password => $old, password => $new});
        $ua->start($tx => sub ($ua, $tx) { push @answers, [$new, $tx->res] });
    }
    wait_until 'both are answered', sub { @answers == 2 }, 30;
    my ($made) = grep { $_->[1]->code == 200 } @answers;
    my ($late) = grep { $_->[1]->code != 200 } @answers;
    ++$seen{$late ? $late->[1]->json->{code} : 'both'};
    $old = $made->[0];
    last if $seen{both} || $seen{conflict};
}
is $seen{both}, undef, 'never both';
ok $seen{conflict}, 'the slower one is told: conflict';
is $server->post('/api/login', {username => 'ann', password => $old})->code, 200, 'the faster one holds';

$server->stop;
done_testing;
