export AWS_ACCESS_KEY_ID=AKIAOSPQUICKSTART AWS_SECRET_ACCESS_KEY=osp-quickstart-secret-key
export AWS_CONFIG_FILE=examples/quickstart/aws.conf
aws --endpoint-url http://127.0.0.1:6190 s3 cp README.md s3://data/docs/readme.md
aws --endpoint-url http://127.0.0.1:6190 s3 sync docs s3://data/docs/
aws --endpoint-url http://127.0.0.1:6190 s3 ls s3://data/docs/
curl -sSf "$(aws --endpoint-url http://127.0.0.1:6190 s3 presign s3://data/docs/readme.md)"
aws --endpoint-url http://127.0.0.1:6190 s3 rm --recursive s3://data/docs/
