# Verifies each DKIM signature of the message on standard input with Mail::DKIM,
# asking the DNS server $ARGV[0]:$ARGV[1], and writes what it found as a JSON array.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS::Resolver;

my ($host, $port) = @ARGV;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => [$host], port => $port));

binmode STDIN;
my $verifier = Mail::DKIM::Verifier->new;
$verifier->PRINT(do { local $/; <STDIN> });
$verifier->CLOSE;

sub verdict {
    my ($signature) = @_;
    return 'ok' if $signature->result eq 'pass';
    return 'unsupported' if $signature->result_detail =~ /unsupported algorithm/;
    return 'bad';
}

my @results = map { {
    domain    => $_->domain,
    selector  => $_->selector,
    algorithm => $_->algorithm,
    verdict   => verdict($_),
    text      => $_->result_detail,
} } $verifier->signatures;
print JSON::PP->new->ascii->encode(\@results);
