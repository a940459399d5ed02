// A TFLite delegate that is really loaded and claims no node, so that the processor does all the work.
// Its options: log=FILE says there what it was asked for; fail=REASON can't be made; refuse=1 turns the
// model down; crash=1 ends the process.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// tensorflow/lite/core/c/common.h
typedef struct Delegate {
  void *data;
  int (*prepare)(void *context, struct Delegate *delegate);
  void *copy_from, *copy_to, *free_buffer;
  int64_t flags;
  void *builder;
} Delegate;

static int accept(void *context, Delegate *delegate) { return 0; }
static int refuse(void *context, Delegate *delegate) { return 1; }

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                        void (*report)(const char *)) {
  Delegate *delegate = calloc(1, sizeof *delegate);
  delegate->prepare = accept;
  for (size_t i = 0; i < count; i++) {
    if (!strcmp(keys[i], "fail")) {
      report(values[i]);
      free(delegate);
      return NULL;
    }
    if (!strcmp(keys[i], "crash")) abort();
    if (!strcmp(keys[i], "refuse")) delegate->prepare = refuse;
    if (!strcmp(keys[i], "log")) {
      FILE *log = fopen(values[i], "a");
      for (size_t j = 0; j < count; j++) fprintf(log, "%s=%s ", keys[j], values[j]);
      fprintf(log, "\n");
      fclose(log);
    }
  }
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
