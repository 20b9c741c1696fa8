// franz-go against a cluster: creates a topic, produces with every compression, consumes it in a group of three.
//
// usage: go run . BOOTSTRAP TOPIC
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const perCodec = 200

func check(err error, doing string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", doing, err)
		os.Exit(1)
	}
}

func main() {
	bootstrap, topic := os.Args[1], os.Args[2]
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()

	admin, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	check(err, "connect")
	defer admin.Close()
	adm := kadm.NewClient(admin)
	_, err = adm.CreateTopic(ctx, 6, 1, nil, topic)
	check(err, "create topic")

	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for name, codec := range codecs {
		p, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ProducerBatchCompression(codec))
		check(err, "connect")
		for i := range perCodec {
			p.Produce(ctx, &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "%s-%d", name, i), Value: []byte(name)}, func(_ *kgo.Record, err error) {
				check(err, "produce "+name)
			})
		}
		check(p.Flush(ctx), "flush "+name)
		p.Close()
	}
	want := perCodec * len(codecs)

	var mu sync.Mutex
	seen := map[string]int{}
	readers := map[int]int{}
	done := make(chan struct{})
	var group sync.WaitGroup
	for member := range 3 {
		c, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup("go-"+topic), kgo.ConsumeTopics(topic),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond))
		check(err, "connect")
		group.Add(1)
		go func() {
			defer group.Done()
			defer c.Close()
			for {
				select {
				case <-done:
					return
				default:
				}
				poll, stop := context.WithTimeout(ctx, 500*time.Millisecond)
				fetches := c.PollFetches(poll)
				stop()
				mu.Lock()
				fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Key)]++; readers[member]++ })
				complete := len(seen) == want
				mu.Unlock()
				if ctx.Err() != nil {
					check(ctx.Err(), "consume")
				}
				if complete {
					mu.Lock()
					select {
					case <-done:
					default:
						check(c.CommitUncommittedOffsets(ctx), "commit")
						close(done)
					}
					mu.Unlock()
				}
			}
		}()
	}
	group.Wait()
	ends, err := adm.ListEndOffsets(ctx, topic)
	check(err, "end offsets")
	var total int64
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	fmt.Printf("records %d, distinct read %d, end offsets sum %d\n", want, len(seen), total)
	if int(total) != want {
		os.Exit(1)
	}
}
