import type { ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';
import type { BookServiceClient } from '../../proto/gen/meridian/internal/v1/book.ts';

type Callback<Response> = (error: ServiceError | null, response: Response) => void;

/** A unary method of the client, bound to its request. */
export type ClientCall<Response> = (
  client: BookServiceClient,
  metadata: Metadata,
  options: { deadline: number },
  callback: Callback<Response>,
) => ClientUnaryCall;
