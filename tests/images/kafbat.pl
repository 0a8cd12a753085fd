# Stands in for Kafbat UI, whose image is not everywhere to be had: the addresses of its API that labctl asks, answered by
# Kafka's own tools. Run in labctl's Kafka image.
use strict;
use warnings;
use IO::Socket::INET;

my ($cluster, $bootstrap) = @ENV{qw(KAFKA_CLUSTERS_0_NAME KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS)};
my @server = ('--bootstrap-server', $bootstrap);

sub told {
    my ($script, @arguments) = @_;
    open(my $tool, '-|', "/opt/kafka/bin/$script", @server, @arguments) or return '';
    local $/;
    return <$tool> // '';
}

my $door = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die $!;
while (my $client = $door->accept) {
    my (undef, $path) = split ' ', <$client> // '';
    while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n$/ }
    my ($topic, $messages) = ($path // '') =~ m{^/api/clusters/\Q$cluster\E/topics/([\w.-]+)(/messages/v2\?mode=EARLIEST&limit=\d+)?$};
    $client->autoflush(1);
    print $client defined $topic ? "HTTP/1.0 200 OK\r\n\r\n" : "HTTP/1.0 404 Not Found\r\n\r\n";
    if ($messages) {
        my @read = ('--topic', $topic, '--from-beginning', '--timeout-ms', '2000');
        print $client map { qq(data:{"type":"MESSAGE","message":{"value":"$_"}}\n\n) } split /\n/, told('kafka-console-consumer.sh', @read);
    } elsif (defined $topic) {
        print $client told('kafka-topics.sh', '--describe', '--topic', $topic);
    }
    close $client;
}
