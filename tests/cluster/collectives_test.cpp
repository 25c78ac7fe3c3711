#include "cluster/collectives.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "comm/threads.h"
#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::cluster {
namespace {

using comm::Algorithm;
using comm::AlgorithmChoice;

/// One rank on each of these machines.
std::vector<runtime::Place> places_on(const std::vector<std::string>& machines) {
  std::vector<runtime::Place> places;
  for (const std::string& machine : machines) {
    runtime::Place& place = places.emplace_back();
    place.rank = static_cast<std::int32_t>(places.size()) - 1;
    place.host = place.machine = place.network = machine;
  }
  return places;
}

/// What three ranks choose, which is the same on each.
std::string choose(const std::vector<runtime::Place>& places, const std::string& asked,
                   const CollectivesBook& book, bool worth_measuring = true) {
  std::vector<std::string> chosen(places.size());
  comm::run_ranks(static_cast<int>(places.size()), [&](comm::Comm& comm) {
    // Only rank 0 has the book.
    choose_collectives(comm, places, asked, "10.0.0.0/24", comm.rank() == 0 ? book : CollectivesBook(""),
                       worth_measuring && comm.rank() == 0);
    chosen[static_cast<std::size_t>(comm.rank())] = comm.choice().text();
  });
  for (const std::string& each : chosen) EXPECT_EQ(each, chosen.front());
  return chosen.front();
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

const std::vector<runtime::Place> three_machines = places_on({"a", "b", "c"});

TEST(CollectivesBook, FindsWhatItWasToldLast) {
  const ScratchFolder scratch;
  const CollectivesBook book(scratch.path() / "new" / "collectives.json");
  EXPECT_EQ(book.find("a b"), "");
  book.remember("a b", AlgorithmChoice(Algorithm::direct));
  book.remember("a c", AlgorithmChoice(Algorithm::doubling));
  book.remember("a b", AlgorithmChoice::parse("direct,pieces:100"));
  EXPECT_EQ(book.find("a b"), "direct,pieces:100");
  EXPECT_EQ(book.find("a c"), "doubling");
}

TEST(CollectivesBook, KeepsTheNewestOfMany) {
  const ScratchFolder scratch;
  const CollectivesBook book(scratch.path() / "collectives.json");
  for (std::size_t i = 0; i <= CollectivesBook::most_choices; ++i)
    book.remember(std::to_string(i), AlgorithmChoice());
  EXPECT_EQ(book.find("0"), "");
  EXPECT_NE(book.find("1"), "");
}

TEST(CollectivesBook, TakesWhatIsDamagedForEmpty) {
  const ScratchFolder scratch;
  const auto file = scratch.path() / "collectives.json";
  for (const char* text :
       {"{", "[]", "3", R"({"version": 2, "choices": [{"group": "a b", "choice": "direct"}]})",
        R"({"version": 1, "choices": {}})", R"({"version": 1, "choices": [1, "a", {"group": 1}]})",
        R"({"version": 1, "choices": [{"group": "a b", "choice": "ring"}]})",
        R"({"version": 1, "choices": [{"group": "a b", "choice": 7}]})", R"({"version": 1})"}) {
    std::ofstream(file) << text;
    const CollectivesBook book(file);
    EXPECT_EQ(book.find("a b"), "") << text;
    book.remember("a b", AlgorithmChoice(Algorithm::pieces));
    EXPECT_EQ(book.find("a b"), "pieces") << text;
  }
}

TEST(ChooseCollectives, TakesWhatIsAskedForAndMeasuresNothing) {
  const ScratchFolder scratch;
  const CollectivesBook book(scratch.path() / "file");
  EXPECT_EQ(choose(three_machines, "doubling,pieces:5", book), "doubling,pieces:5");
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "file"));
  EXPECT_NE(error_of([&] { choose(three_machines, "ring", book); }), "");
}

TEST(ChooseCollectives, OnOneMachineTakesWhatIsMostlyRight) {
  const ScratchFolder scratch;
  EXPECT_EQ(choose(places_on({"a", "a", "a"}), "", CollectivesBook(scratch.path() / "file")),
            AlgorithmChoice().text());
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "file"));
}

TEST(ChooseCollectives, OnSeveralMeasuresOnceAndThenRemembers) {
  const ScratchFolder scratch;
  const CollectivesBook book(scratch.path() / "file");
  const std::string measured = choose(three_machines, "", book);
  EXPECT_NE(text_of(scratch.path() / "file").find("a b c in 10.0.0.0/24"), std::string::npos);
  EXPECT_EQ(book.find("a b c in 10.0.0.0/24"), measured);
  book.remember("a b c in 10.0.0.0/24", AlgorithmChoice::parse("doubling,direct:77"));
  EXPECT_EQ(choose(three_machines, "", book), "doubling,direct:77");
}

TEST(ChooseCollectives, WhereItIsNotWorthItWhatIsKnownCountsAndNothingIsMeasured) {
  const ScratchFolder scratch;
  const CollectivesBook book(scratch.path() / "file");
  EXPECT_EQ(choose(three_machines, "", book, false), AlgorithmChoice().text());
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "file"));
  book.remember("a b c in 10.0.0.0/24", AlgorithmChoice::parse("doubling,direct:77"));
  EXPECT_EQ(choose(three_machines, "", book, false), "doubling,direct:77");
}

TEST(ChooseCollectives, MeasuresAnewWhereItIsAskedTo) {
  const ScratchFolder scratch;
  const CollectivesBook book(scratch.path() / "file");
  book.remember("a b c in 10.0.0.0/24", AlgorithmChoice::parse("doubling,direct:77"));
  EXPECT_NE(choose(three_machines, measure_anew, book), "doubling,direct:77");
  EXPECT_NE(book.find("a b c in 10.0.0.0/24"), "doubling,direct:77");
}

}  // namespace
}  // namespace yoke::cluster
