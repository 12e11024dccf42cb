/* Loads a SavedModel through TensorFlow's C API and asks it with serialized tf.train.Examples.
 *
 * Usage: session_client DIRECTORY INPUT OUTPUT EXAMPLES
 * INPUT and OUTPUT name operations as "operation:index". EXAMPLES is a file that holds, for each
 * example, its length (uint32, this machine's byte order) and its bytes. One float a line is
 * printed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { MOST_EXAMPLES = 4096, LONGEST_EXAMPLE = 1 << 20 };

static void fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void check(const TF_Status* status, const char* what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

static TF_Output find(TF_Graph* graph, char* name) {
  char* colon = strrchr(name, ':');
  if (colon == NULL) fail(name, "not of the form operation:index");
  *colon = '\0';
  TF_Output output = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (output.oper == NULL) fail(name, "no such operation");
  return output;
}

static void delete_strings(void* data, size_t length, void* count) {
  TF_TString* strings = data;
  (void)length;
  for (size_t i = 0; i < *(size_t*)count; ++i) TF_StringDealloc(&strings[i]);
  free(strings);
}

static TF_Tensor* read_examples(const char* path, size_t* count) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) fail(path, "cannot be opened");
  TF_TString* strings = calloc(MOST_EXAMPLES, sizeof(TF_TString));
  char* example = malloc(LONGEST_EXAMPLE);
  uint32_t length;
  for (*count = 0; fread(&length, sizeof(length), 1, file) == 1; ++*count) {
    if (*count == MOST_EXAMPLES || length > LONGEST_EXAMPLE) fail(path, "too large");
    if (fread(example, 1, length, file) != length) fail(path, "truncated");
    TF_StringInit(&strings[*count]);
    TF_StringCopy(&strings[*count], example, length);
  }
  fclose(file);
  free(example);
  int64_t shape[1] = {(int64_t)*count};
  return TF_NewTensor(TF_STRING, shape, 1, strings, *count * sizeof(TF_TString), delete_strings,
                      count);
}

int main(int argc, char** argv) {
  if (argc != 5) fail("usage", "session_client DIRECTORY INPUT OUTPUT EXAMPLES");
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session =
      TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status, argv[1]);
  TF_Output input = find(graph, argv[2]);
  TF_Output output = find(graph, argv[3]);
  size_t count = 0;
  TF_Tensor* examples = read_examples(argv[4], &count);
  TF_Tensor* answer = NULL;
  TF_SessionRun(session, NULL, &input, &examples, 1, &output, &answer, 1, NULL, 0, NULL, status);
  check(status, "run");
  const float* values = TF_TensorData(answer);
  for (size_t i = 0; i < TF_TensorByteSize(answer) / sizeof(float); ++i) {
    printf("%.9g\n", values[i]);
  }
  TF_DeleteTensor(answer);
  TF_DeleteTensor(examples);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
