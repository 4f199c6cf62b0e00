"""What any server has to do with a flood, and nothing more: receives HTTP requests and answers each with a throttle.

    sink.py PORT
"""
import asyncio
import sys

BODY = b'{"__type":"ProvisionedThroughputExceededException"}'
ANSWER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            left = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            while left > 0:
                left -= len(await reader.read(min(left, 1 << 20)) or writer.close() or b"x" * left)
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, OSError):
        writer.close()


async def main(port):
    async with await asyncio.start_server(serve, "127.0.0.1", port, limit=1 << 20) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
