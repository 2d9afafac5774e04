/* How much memory this process takes. */
#ifndef CACHESERVER_TESTS_SUPPORT_RESIDENT_H
#define CACHESERVER_TESTS_SUPPORT_RESIDENT_H

/* With a sanitizer memory is that one's affair. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* Bytes of this process that are in memory. */
long resident_bytes(void);

#endif
