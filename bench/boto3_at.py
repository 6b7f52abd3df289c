"""A folder of a bucket, fetched by boto3 as its documentation shows, 24 objects at once."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.config import Config

_JOBS = 24


def main(bucket: str, prefix: str, folder: str) -> None:
    s3 = boto3.client("s3", config=Config(max_pool_connections=_JOBS))

    def fetch(key: str) -> None:
        path = Path(folder, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(path))

    with ThreadPoolExecutor(_JOBS) as pool:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for done in [pool.submit(fetch, each["Key"]) for page in pages for each in page["Contents"]]:
            done.result()


if __name__ == "__main__":
    main(*sys.argv[1:])
