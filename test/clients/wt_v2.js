// Sends a transfer and fills a board with WeTransfer's official SDK for its API
// v2, unmodified, and prints what it sent as one line of JSON:
//
//   {"transfer": {"id", "url", "files": […]}, "board": {"id", "url", "files": […], "links": […]}}
//
// with {"name", "size", "sha256"} of each file. FERRY_URL and FERRY_KEY say to whom.
'use strict';

const createWTClient = require('@wetransfer/js-sdk');
const { file, pointAt, print, run } = require('./sending');

run(async ({ url, key }) => {
  pointAt(url, '@wetransfer/js-sdk');
  const client = await createWTClient(key, { logger: { level: 'error' }, retries: 2, chunkRetries: 2 });

  // 13,111,521 bytes are three parts of 5 MiB on a transfer, and three of 6 MiB on a board.
  const sent = [file('big.bin', 13111521, 1), file('few.txt', 7, 2)];
  const created = await client.transfer.create({ message: 'From the JavaScript SDK', files: sent });
  const transfer = await client.transfer.find(created.id);

  const pinned = [file('board-big.bin', 13111521, 3), file('board-few.txt', 11, 4)];
  const links = [{ url: 'https://example.org/', title: 'Example' }];
  const board = await client.board.create({ name: 'From the JavaScript SDK' });
  await client.board.addLinks(board, links);
  await client.board.addFiles(board, pinned);
  const found = await client.board.find(board.id);

  print({
    transfer: { id: transfer.id, url: transfer.url, files: sent },
    board: { id: board.id, url: found.url, files: pinned, links: found.links },
  });
});
