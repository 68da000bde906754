// One minio-go client that does what it is told, line by line (see ../../workers/serve.py for the protocol).
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const partBytes = 5 << 20

// job is what every client of the suite is told (see ../../job.py).
type job struct {
	Endpoint  string
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
	Region    string
	CA        string
	Bucket    string
}

// request is one line: an operation and its arguments.
type request struct {
	Do, Key, File, Prefix, Source string
	Keys                          []string
	First, Count                  int64
}

type answer map[string]any

type worker struct {
	client *minio.Client
	bucket string
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	var told job
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	if err = json.Unmarshal(text, &told); err != nil {
		return err
	}
	client, err := connect(told)
	if err != nil {
		return err
	}
	here := worker{client, told.Bucket}
	answers := json.NewEncoder(os.Stdout)
	if err = answers.Encode(answer{"version": version()}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked request
		if err = json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		result, failed := here.do(context.Background(), asked)
		if failed != nil {
			result = answer{"error": failed.Error()}
		}
		if err = answers.Encode(result); err != nil {
			return err
		}
	}
	return lines.Err()
}

func connect(told job) (*minio.Client, error) {
	address, err := url.Parse(told.Endpoint)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if told.CA != "" {
		pem, err := os.ReadFile(told.CA)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return minio.New(address.Host, &minio.Options{
		Creds:     credentials.NewStaticV4(told.AccessKey, told.SecretKey, ""),
		Secure:    address.Scheme == "https",
		Region:    told.Region,
		Transport: transport,
	})
}

func version() string {
	built, _ := debug.ReadBuildInfo()
	for _, module := range built.Deps {
		if module.Path == "github.com/minio/minio-go/v7" {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return "unknown"
}

func (w worker) do(ctx context.Context, asked request) (answer, error) {
	done := answer{}
	switch asked.Do {
	case "put":
		return done, w.put(ctx, asked, minio.PutObjectOptions{})
	case "multipart":
		return done, w.put(ctx, asked, minio.PutObjectOptions{PartSize: partBytes})
	case "create":
		options := minio.PutObjectOptions{}
		options.SetMatchETagExcept("*")
		err := w.put(ctx, asked, options)
		var refused minio.ErrorResponse
		if errors.As(err, &refused) && refused.StatusCode == http.StatusPreconditionFailed {
			return answer{"created": false}, nil
		}
		return answer{"created": true}, err
	case "get":
		return done, w.get(ctx, asked, minio.GetObjectOptions{})
	case "range":
		options := minio.GetObjectOptions{}
		if err := options.SetRange(asked.First, asked.First+asked.Count-1); err != nil {
			return nil, err
		}
		return done, w.get(ctx, asked, options)
	case "list":
		return w.list(ctx, asked.Prefix)
	case "copy":
		_, err := w.client.CopyObject(ctx, minio.CopyDestOptions{Bucket: w.bucket, Object: asked.Key},
			minio.CopySrcOptions{Bucket: w.bucket, Object: asked.Source})
		return done, err
	case "delete":
		return done, w.client.RemoveObject(ctx, w.bucket, asked.Key, minio.RemoveObjectOptions{})
	case "delete_many":
		return done, w.deleteMany(ctx, asked.Keys)
	}
	return nil, fmt.Errorf("unknown: %s", asked.Do)
}

func (w worker) put(ctx context.Context, asked request, options minio.PutObjectOptions) error {
	file, err := os.Open(asked.File)
	if err != nil {
		return err
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return err
	}
	_, err = w.client.PutObject(ctx, w.bucket, asked.Key, file, about.Size(), options)
	return err
}

func (w worker) get(ctx context.Context, asked request, options minio.GetObjectOptions) error {
	object, err := w.client.GetObject(ctx, w.bucket, asked.Key, options)
	if err != nil {
		return err
	}
	defer object.Close()
	file, err := os.Create(asked.File)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(file, object)
	return err
}

func (w worker) list(ctx context.Context, prefix string) (answer, error) {
	keys := []string{}
	for found := range w.client.ListObjects(ctx, w.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if found.Err != nil {
			return nil, found.Err
		}
		keys = append(keys, found.Key)
	}
	return answer{"keys": keys}, nil
}

func (w worker) deleteMany(ctx context.Context, keys []string) error {
	objects := make(chan minio.ObjectInfo, len(keys))
	for _, key := range keys {
		objects <- minio.ObjectInfo{Key: key}
	}
	close(objects)
	for failed := range w.client.RemoveObjects(ctx, w.bucket, objects, minio.RemoveObjectsOptions{}) {
		return failed.Err
	}
	return nil
}
