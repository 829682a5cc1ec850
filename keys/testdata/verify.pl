# Verifies messages with Mail::DKIM. Reads and writes what verify.py does; "invalid"
# is also the verdict on an algorithm that it does not know (Ed25519).
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use Mail::DKIM::Verifier;
use Mail::DKIM::DNS;
use Net::DNS;

my $job = decode_json(do { local $/; <STDIN> });

package Resolver;
sub errorstring { 'NOERROR' }
sub send {
    my ($self, $name, $type) = @_;
    my $answer = Net::DNS::Packet->new($name, $type);
    my $text = $job->{dns}{$name};
    $answer->push(answer => Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [unpack '(a255)*', $text]))
        if defined $text;
    return $answer;
}

package main;
Mail::DKIM::DNS::resolver(bless {}, 'Resolver');

my %verdicts;
for my $name (keys %{ $job->{messages} }) {
    my $dkim = Mail::DKIM::Verifier->new;
    $dkim->PRINT(decode_base64($job->{messages}{$name}));
    $dkim->CLOSE;
    $verdicts{$name} = [map { [$_->selector, $_->result] } $dkim->signatures];
}
print encode_json(\%verdicts);
