#include "cluster/late_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/error.h"

namespace yoke::cluster {
namespace {

using std::chrono::milliseconds;

constexpr LateTiming at_once{milliseconds(0), milliseconds(1)};
constexpr std::chrono::seconds patience{20};

TEST(LateWatch, TellsWhatIsFoundTwiceInARow) {
  std::atomic<int> looks = 0;
  std::promise<void> fifth;
  {
    // Found once, nothing, an Error, then twice.
    const LateWatch watch(
        [&]() -> std::string {
          const int look = ++looks;
          if (look == 2) return "";
          if (look == 3) fail("ssh cannot be executed");
          if (look == 5) fifth.set_value();
          return "node2 was lost";
        },
        at_once);
    ASSERT_EQ(fifth.get_future().wait_for(patience), std::future_status::ready);
    while (watch.found().empty()) std::this_thread::yield();
    EXPECT_EQ(watch.found(), "node2 was lost");
  }
  EXPECT_EQ(looks, 5);
}

TEST(LateWatch, LooksOnlyAfterAWhileAndNotOnceItIsStopped) {
  std::atomic<int> looks = 0;
  LateWatch watch(
      [&] {
        ++looks;
        return std::string();
      },
      {std::chrono::hours(1), milliseconds(1)});
  watch.stop();
  EXPECT_EQ(watch.found(), "");
  EXPECT_EQ(looks, 0);
}

}  // namespace
}  // namespace yoke::cluster
