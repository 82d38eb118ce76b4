import { storeContract } from '../store-contract/store-contract.ts';
import { MemoryBook } from './memory-book.ts';
import { MemoryStore } from './memory-store.ts';

const INSTANCE = '00000000-0000-4000-8000-000000000001';

storeContract((book) => Promise.resolve(MemoryStore.of(new MemoryBook(book, INSTANCE))));
